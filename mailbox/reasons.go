// SPDX-License-Identifier: Apache-2.0

package mailbox

// Reasons of refusals; package reply has the sentences, with %s for each Arg.
const (
	ReasonNameEncoding  Reason = "name-encoding"  // not valid UTF-8
	ReasonNameDots      Reason = "name-dots"      // empty, . or ..
	ReasonNameLong      Reason = "name-long"      // over 255 bytes
	ReasonNameControl   Reason = "name-control"   // control characters
	ReasonNameCharacter Reason = "name-character" // \ : * ? " < > |
	ReasonNameTrailing  Reason = "name-trailing"  // trailing dot or space
	ReasonNameReserved  Reason = "name-reserved"  // by Windows; arg: the name
	ReasonOwnNumber     Reason = "own-number"     // the mailbox's own number in its root; arg: the name
	ReasonPathLong      Reason = "path-long"
	ReasonNameNumber    Reason = "name-number" // args: number in the name, number of the mailbox
	ReasonNameHidden    Reason = "name-hidden" // of an import: a file that a program made for itself

	ReasonSignIn       Reason = "sign-in"            // credentials missing or wrong
	ReasonPaused       Reason = "paused"             // too many wrong passwords
	ReasonInsecure     Reason = "insecure-transport" // a password would travel in clear text
	ReasonOwnPassword  Reason = "own-password"       // the one-time password is right: choose an own one first
	ReasonOneTimeOver  Reason = "one-time-over"      // a one-time password that has expired
	ReasonOneTimeUsed  Reason = "one-time-used"      // a one-time password that was used before
	ReasonAppPassword  Reason = "app-password"       // programs need an app password
	ReasonProgramsOnly Reason = "programs-only"      // an app password at a page
	ReasonMachine      Reason = "machine"            // a machine account at a page
	ReasonToken        Reason = "token"              // an access token that is not valid here
	ReasonTokens       Reason = "tokens"             // too many forged ones
	ReasonProvider     Reason = "provider"           // the OpenID provider cannot be asked
	ReasonNoGrant      Reason = "no-grant"           // no grant in force, or none that touches files
	ReasonNotFound     Reason = "not-found"          //
	ReasonOtherSide    Reason = "other-side"         // arg: the to-authority folder; the constant 403
	ReasonNotAllowed   Reason = "not-allowed"        // the role may not do this here
	ReasonNoReading    Reason = "no-reading"         // a data centre reads nothing
	ReasonFixedFolder  Reason = "fixed-folder"       // the three folders and the mailbox itself
	ReasonBetween      Reason = "between"            // between mailboxes
	ReasonFolderAsOne  Reason = "folder-as-one"      // a folder is never released as one
	ReasonClosed       Reason = "closed"             // the member is closed
	ReasonOwnWork      Reason = "own-work"           // four eyes: an author cannot release
	ReasonNoAuthor     Reason = "no-author"          // four eyes: a draft of another system, whose author is not known
	ReasonUnread       Reason = "unread"             // four eyes: read this version first
	ReasonReleaseDoor  Reason = "release-door"       // release only in the browser
	ReasonReturned     Reason = "returned"           // a returned document comes back to the outbox first
	ReasonCopyRelease  Reason = "copy-release"       // COPY is never a release or take-over
	ReasonExists       Reason = "exists"             // MKCOL on an existing name
	ReasonParent       Reason = "parent-missing"     //
	ReasonTwin         Reason = "twin"               // arg: the existing spelling
	ReasonIsFolder     Reason = "is-folder"          // a file operation on a folder
	ReasonIsFile       Reason = "is-file"            // a folder operation on a file, or a file as parent
	ReasonIntoItself   Reason = "into-itself"        // a folder into its own subtree, or onto itself
	ReasonLocked       Reason = "locked"             // arg: the holder
	ReasonLockToken    Reason = "lock-token"         // UNLOCK or refresh with a wrong token
	ReasonLockMany     Reason = "lock-many"          // too many locks
	ReasonCondition    Reason = "condition"          // If, If-Match, If-None-Match …
	ReasonOverwrite    Reason = "overwrite"          // Overwrite: F and the target exists
	ReasonQuota        Reason = "quota"              // arg: the quota
	ReasonTooLarge     Reason = "too-large"          // arg: the limit
	ReasonLength       Reason = "length"             // length mismatch
	ReasonDigest       Reason = "digest"             // arg: the algorithm
	ReasonBroken       Reason = "broken-upload"      // the body ended early
	ReasonInfected     Reason = "infected"           // arg: the signature
	ReasonScanner      Reason = "scanner"            // cannot be judged now
	ReasonStorage      Reason = "storage"            // storage down or full
	ReasonCatalog      Reason = "catalog"            // catalog down
	ReasonStaging      Reason = "staging"            // too many uploads at once
	ReasonBusy         Reason = "busy"               // password hashing is busy
	ReasonOutcome      Reason = "outcome"            // it is not known whether the upload was stored
	ReasonTooSlow      Reason = "too-slow"           // upload.max_duration
	ReasonTooMany      Reason = "too-many"           // too many entries in one operation
	ReasonProps        Reason = "props"              // too many or too large properties
	ReasonMalformed    Reason = "malformed"          // arg: what
	ReasonUnsupported  Reason = "unsupported"
	ReasonRange        Reason = "range"
	ReasonInternal     Reason = "internal"
	ReasonCrossSite    Reason = "cross-site"
	ReasonFiniteDepth  Reason = "finite-depth"
	ReasonForeignHost  Reason = "foreign-host" // Destination on another server
	ReasonProtected    Reason = "protected-property"
	ReasonMethod       Reason = "method" // not served here
	ReasonContentRange Reason = "content-range"
)

// Reasons lists every reason, for the test that each has its sentences.
var Reasons = []Reason{
	ReasonNameEncoding, ReasonNameDots, ReasonNameLong, ReasonNameControl, ReasonNameCharacter, ReasonNameTrailing,
	ReasonNameReserved, ReasonOwnNumber, ReasonPathLong, ReasonNameNumber, ReasonSignIn, ReasonPaused, ReasonInsecure,
	ReasonOwnPassword, ReasonOneTimeOver, ReasonOneTimeUsed, ReasonAppPassword, ReasonProgramsOnly, ReasonMachine, ReasonToken, ReasonTokens, ReasonProvider, ReasonNoGrant, ReasonNotFound,
	ReasonOtherSide, ReasonNotAllowed, ReasonNoReading, ReasonFixedFolder, ReasonBetween, ReasonFolderAsOne, ReasonClosed,
	ReasonOwnWork, ReasonUnread, ReasonReleaseDoor, ReasonReturned, ReasonCopyRelease, ReasonExists, ReasonParent, ReasonTwin,
	ReasonIsFolder, ReasonIsFile, ReasonIntoItself, ReasonLocked, ReasonLockToken, ReasonLockMany, ReasonCondition,
	ReasonOverwrite, ReasonQuota, ReasonTooLarge, ReasonLength, ReasonDigest, ReasonBroken, ReasonInfected, ReasonScanner,
	ReasonStorage, ReasonRecovering, ReasonUnknownAuthor, ReasonCatalog, ReasonStaging, ReasonBusy, ReasonOutcome, ReasonTooSlow, ReasonTooMany, ReasonProps,
	ReasonMalformed, ReasonUnsupported, ReasonRange, ReasonInternal, ReasonCrossSite, ReasonFiniteDepth, ReasonForeignHost,
	ReasonProtected, ReasonMethod, ReasonContentRange,
	ReasonByNumber, ReasonNameHidden, ReasonNoAuthor,
	ReasonEncryptedArchive, ReasonEncryptedDocument, ReasonScanLimits, ReasonScanTime, ReasonArchiveStructure, ReasonArchiveMethod,
}
