// SPDX-License-Identifier: Apache-2.0

package main

type backupCmd struct {
	File string `arg:"" help:"Where to; it must not exist yet."`
}

// Help says what belongs to a whole backup.
func (backupCmd) Help() string {
	return `Copies the catalog as it is at one moment, while the server goes on. Copy the storage afterwards: every version that the copied catalog names is in it then, and what came in between is unnamed and harmless (docs/operating.md).`
}

func (c *backupCmd) Run(e *env) error {
	a, err := e.open()
	if err != nil {
		return err
	}
	defer a.done(e)
	if err := a.catalog.Backup(e.ctx, c.File); err != nil {
		return err
	}
	e.say("catalog copied to %s; now copy the storage %s", c.File, a.cfg.Storage.Path)
	return nil
}
