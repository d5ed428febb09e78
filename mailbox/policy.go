// SPDX-License-Identifier: Apache-2.0

package mailbox

// Right is what a role may or may not do to an object at a place.
type Right int

const (
	ToList Right = iota
	ToRead
	ToCreate // a document
	ToReplace
	ToRename
	ToRemove
	ToMakeFolder
	ToRemoveFolder
	ToLock
	ToSetProperties
	ToTakeOver
	ToGiveBack
	ToRelease
	ToReturn
	ToRecall
)

// Rights lists all rights in the order of DESIGN.md section 2.
var Rights = []Right{ToList, ToRead, ToCreate, ToReplace, ToRename, ToRemove, ToMakeFolder, ToRemoveFolder,
	ToLock, ToSetProperties, ToTakeOver, ToGiveBack, ToRelease, ToReturn, ToRecall}

var rightNames = [...]string{"list", "read", "create", "replace", "rename", "remove", "make folder", "remove folder",
	"lock", "set properties", "take over", "give back", "release", "return", "recall"}

func (r Right) String() string { return rightNames[r] }

// Case is one question to the rules: may this role do this to such an object
// at this place?
type Case struct {
	Role    Role
	Place   Place
	Policy  ReleasePolicy
	Folder  bool // the object is a folder
	OwnSide bool // the object was created by the role's side
	Own     bool // the object was created by the very account
	Direct  bool // a machine account that may write into the root under four-eyes (L8)
}

// May answers the case for one right. It is the whole of DESIGN.md section 2's
// table; everything that is not said here is refused.
func (c Case) May(r Right) bool {
	switch r {
	case ToLock, ToSetProperties: // they prepare the write that must be allowed
		if c.Folder {
			return c.May(ToRename)
		}
		return c.May(ToReplace)
	}
	switch c.Role {
	case Clerk:
		return c.clerk(r)
	case Datacentre:
		return c.datacentre(r)
	case Caseworker:
		return c.caseworker(r)
	case Reviewer:
		return c.reviewer(r)
	}
	return false
}

func (c Case) clerk(r Right) bool {
	switch c.Place {
	case Root, CaseworkerInbox:
		return r == ToList || r == ToRead
	case ToAuthority:
		switch r {
		case ToList, ToRead, ToCreate, ToMakeFolder:
			return true
		case ToReplace, ToRename, ToRemove, ToRemoveFolder:
			return c.OwnSide
		}
	}
	return false
}

// A data centre delivers and reads nothing (A9), not even what it sent.
func (c Case) datacentre(r Right) bool {
	if c.Place != ToAuthority {
		return false
	}
	switch r {
	case ToList, ToCreate:
		return true
	case ToReplace, ToRemove:
		return c.Own && !c.Folder
	}
	return false
}

func (c Case) caseworker(r Right) bool {
	if r == ToList || r == ToRead {
		return true
	}
	documents := c.Policy == Single || c.Direct
	switch c.Place {
	case Root:
		switch r {
		case ToRemove, ToRemoveFolder, ToRecall, ToMakeFolder:
			return true
		case ToRename:
			return c.Folder || documents
		case ToCreate, ToReplace:
			return documents
		}
	case ToAuthority:
		return r == ToTakeOver
	case CaseworkerInbox:
		switch r {
		case ToMakeFolder, ToRename, ToRemove, ToRemoveFolder, ToGiveBack:
			return true
		}
	case Outbox:
		switch r {
		case ToCreate, ToReplace, ToRename, ToRemove, ToMakeFolder, ToRemoveFolder:
			return true
		case ToRelease:
			return c.Policy == Single && !c.Folder // never a folder as one (L12)
		}
	}
	return false
}

// A reviewer only checks: no write method but releasing and returning (D11).
func (c Case) reviewer(r Right) bool {
	switch r {
	case ToList, ToRead:
		return true
	case ToRelease:
		return c.Place == Outbox && c.Policy == FourEyes && !c.Folder
	case ToReturn:
		return c.Place == Outbox && !c.Folder
	}
	return false
}

// MoveRight gives the right that a MOVE within one mailbox needs at its source,
// and false for pairs of places between which nothing moves. returned says that
// the target lies in the outbox's folder of returned documents.
func MoveRight(role Role, from, to Place, returned bool) (Right, bool) {
	switch {
	case from == Outbox && to == Outbox && returned && role == Reviewer:
		return ToReturn, true
	case from == to:
		return ToRename, true
	case from == ToAuthority && to == CaseworkerInbox:
		return ToTakeOver, true
	case from == CaseworkerInbox && to == ToAuthority:
		return ToGiveBack, true
	case from == Outbox && to == Root:
		return ToRelease, true
	case from == Root && to == Outbox:
		return ToRecall, true
	}
	return 0, false
}

// CopyAllowed says whether COPY may lead from one place to another at all: a
// copy is never a take-over or a release (DESIGN.md section 2). Where it may,
// it needs ToRead there and ToCreate here.
func CopyAllowed(from, to Place) bool {
	return !(from == ToAuthority && to == CaseworkerInbox) && !(from == Outbox && to == Root) &&
		!(from == CaseworkerInbox && to == ToAuthority)
}

// operation is the verb of the audit record for a move by this right.
func (r Right) operation() Operation {
	switch r {
	case ToTakeOver:
		return OpTakeOver
	case ToGiveBack:
		return OpGiveBack
	case ToRelease:
		return OpRelease
	case ToReturn:
		return OpReturn
	case ToRecall:
		return OpRecall
	}
	return OpRename
}
