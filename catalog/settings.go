// SPDX-License-Identifier: Apache-2.0

package catalog

// Small things of the installation: a number or a text under a name.
const (
	selectNumber = "SELECT number FROM settings WHERE name = $1"
	putNumber    = "INSERT INTO settings (name, number) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET number = $2"

	selectSetting = "SELECT value FROM settings WHERE name = $1"
	putSetting    = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO UPDATE SET value = $2"
	firstSetting  = "INSERT INTO settings (name, value) VALUES ($1, $2) ON CONFLICT (name) DO NOTHING"
)

// number reads a setting; 0 for none.
func (r *reader) number(name string) (n int64, err error) {
	_, err = r.one(selectNumber, func(row tuple) { n = row.Int(0) }, name)
	return n, err
}
