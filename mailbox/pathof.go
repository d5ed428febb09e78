// SPDX-License-Identifier: Apache-2.0

package mailbox

import "strings"

// PathOf is where an entry stands or stood inside its mailbox, by the names that
// its folders have now.
func PathOf(r Reader, x Entry) (string, error) {
	var path strings.Builder
	names := []string{x.Name}
	for up := x.Parent; up != 0; {
		f, err := r.Entry(up)
		if err != nil {
			return "", err
		}
		if up = f.Parent; up != 0 {
			names = append(names, f.Name)
		}
	}
	if x.Parent == 0 {
		return "/", nil
	}
	for i := len(names) - 1; i >= 0; i-- {
		path.WriteString("/" + names[i])
	}
	return path.String(), nil
}
