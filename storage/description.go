// SPDX-License-Identifier: Apache-2.0

package storage

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"time"

	"postfach/mailbox"
)

// description is the stored form of a mailbox.Description: JSON, UTF-8.
type description struct {
	Format   int    `json:"format"` // 1
	Entry    int64  `json:"entry"`
	Path     string `json:"path,omitempty"` // missing where there was no room for it
	SHA256   string `json:"sha256"`         // lower-case hex
	Size     int64  `json:"size"`           // bytes
	Person   int64  `json:"person"`
	Time     string `json:"time"` // RFC 3339, UTC, microseconds
	Engine   string `json:"engine,omitempty"`
	Database string `json:"database,omitempty"`
}

const timeLayout = "2006-01-02T15:04:05.000000Z"

// encode gives the description, and a short form without the path for file
// systems with little room for attributes.
func encode(d mailbox.Description) (long, short []byte, err error) {
	v := description{
		Format: 1, Entry: int64(d.Entry), Path: d.Path, SHA256: hex.EncodeToString(d.SHA256[:]), Size: d.Size,
		Person: int64(d.Person), Time: d.Time.UTC().Format(timeLayout), Engine: d.Engine, Database: d.Database,
	}
	if long, err = marshal(v); err != nil {
		return nil, nil, err
	}
	v.Path = ""
	short, err = marshal(v)
	return long, short, err
}

// marshal keeps names as they are: escaped, they would not fit.
func marshal(v description) ([]byte, error) {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		return nil, err
	}
	return bytes.TrimSuffix(b.Bytes(), []byte("\n")), nil
}

// decode reads what encode wrote.
func decode(text []byte) (mailbox.Description, error) {
	var v description
	if err := json.Unmarshal(text, &v); err != nil {
		return mailbox.Description{}, err
	}
	if v.Format != 1 {
		return mailbox.Description{}, fmt.Errorf("description of format %d, this program knows 1", v.Format)
	}
	at, err := time.Parse(timeLayout, v.Time)
	if err != nil {
		return mailbox.Description{}, err
	}
	d := mailbox.Description{
		Entry: mailbox.EntryID(v.Entry), Path: v.Path, Size: v.Size, Person: mailbox.PersonID(v.Person),
		Time: at, Engine: v.Engine, Database: v.Database,
	}
	if len(v.SHA256) != 2*len(d.SHA256) {
		return mailbox.Description{}, fmt.Errorf("description with a digest of %d digits", len(v.SHA256))
	}
	_, err = hex.Decode(d.SHA256[:], []byte(v.SHA256))
	return d, err
}
