// SPDX-License-Identifier: Apache-2.0

package mailbox

import "time"

// Operation is the verb of an audit record.
type Operation string

const (
	OpCreate       Operation = "create"  // a new file
	OpReplace      Operation = "replace" // a new version of a file
	OpRepeated     Operation = "repeated"
	OpImport       Operation = "import" // a file taken over from another system, or a newer content of one
	OpMakeFolder   Operation = "make-folder"
	OpRename       Operation = "rename" // also into another folder of the same place
	OpTakeOver     Operation = "take-over"
	OpGiveBack     Operation = "give-back"
	OpRelease      Operation = "release"
	OpReturn       Operation = "return"
	OpRecall       Operation = "recall"
	OpRemove       Operation = "remove"
	OpRestore      Operation = "restore"
	OpCopy         Operation = "copy"
	OpPurge        Operation = "purge" // the bytes of a superseded version, which nobody else ever saw
	OpLock         Operation = "lock"
	OpRefreshLock  Operation = "refresh-lock"
	OpUnlock       Operation = "unlock"
	OpProperties   Operation = "set-properties"
	OpRead         Operation = "read"      // content; recorded before the first byte
	OpRetrieved    Operation = "retrieved" // content, to its last byte
	OpList         Operation = "list"
	OpRefused      Operation = "refused"        // of a signed-in account, with the answer
	OpRefusedFile  Operation = "refused-upload" // infected or unscannable
	OpStrangers    Operation = "strangers"      // counted per address and minute
	OpMemberAdd    Operation = "member-add"
	OpMemberSet    Operation = "member-set"
	OpMemberClose  Operation = "member-close"
	OpPersonAdd    Operation = "person-add"
	OpPersonSet    Operation = "person-set"
	OpAccountAdd   Operation = "account-add"
	OpAccountSet   Operation = "account-set"
	OpPassword     Operation = "password"
	OpDisable      Operation = "disable"
	OpEnable       Operation = "enable"
	OpUnlockLogin  Operation = "unlock-login"
	OpGrant        Operation = "grant"
	OpRevoke       Operation = "revoke"
	OpSignInPaused Operation = "sign-in-paused"
	OpNoticeRetry  Operation = "notice-retry"
	OpExport       Operation = "audit-export"
	OpBackup       Operation = "catalog-backup"  // begun, ok, or failed
	OpRevive       Operation = "catalog-restore" // the first record of a catalog that came out of a backup
	OpReleaseMails Operation = "notice-release"  // of those that a restore held back
	OpUntold       Operation = "notice-omitted"  // of a delivery or an alert from before a restore, of which nobody is told any more
)

// Record is one line of the audit log (DESIGN.md section 8). All but Detail is
// the fixed part, kept for ever; Detail stands in a table of its own, which an
// audited retention run may later erase.
type Record struct {
	Sequence  int64 // given by the catalog
	Time      time.Time
	Person    PersonID
	Account   AccountID
	Role      Role
	Member    MemberID
	Operation Operation
	Place     Place
	Entry     EntryID
	Version   VersionID
	SHA256    [32]byte // zero for none
	Result    string   // "ok", or the kind of refusal as an HTTP status
	RequestID string
	Detail    Detail
}

// Detail is the erasable part of a record. Paths are inside the mailbox, NFC,
// with a leading slash.
type Detail struct {
	Path      string `json:"path,omitempty"`
	Target    string `json:"target,omitempty"` // of a move or copy
	Folder    bool   `json:"folder,omitempty"`
	Name      string `json:"name,omitempty"` // of a member, person or account concerned
	Door      string `json:"door,omitempty"`
	Means     string `json:"means,omitempty"` // by what the account signed in, see Via
	Address   string `json:"address,omitempty"`
	UserAgent string `json:"user_agent,omitempty"`
	Text      string `json:"text,omitempty"`     // a reason, a signature, before and after
	Order     string `json:"order,omitempty"`    // --order of a command
	System    string `json:"system,omitempty"`   // operating-system user of a command
	Count     int64  `json:"count,omitempty"`    // of coalesced records
	Size      int64  `json:"size,omitempty"`     // bytes
	Source    int64  `json:"source,omitempty"`   // entry that a copy came from
	Replaced  int64  `json:"replaced,omitempty"` // entry that gave way to a moved one
}
