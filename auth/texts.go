// SPDX-License-Identifier: Apache-2.0

package auth

import (
	"fmt"

	"postfach/mailbox"
)

// text is a sentence for the person who administers accounts. Both take the
// same arguments in the same order.
type text struct{ de, en string }

// Refusal is an order that cannot be carried out as it was given. Every other
// error of a Directory is a fault of ours or of the store.
type Refusal struct {
	Kind mailbox.Kind // Invalid, NotFound, Exists or Conflict
	text text
	args []any
}

// Error is the English sentence.
func (r *Refusal) Error() string { return r.In("en") }

// In is the sentence in a language; German for all but "en".
func (r *Refusal) In(language string) string {
	if language == "en" {
		return fmt.Sprintf(r.text.en, r.args...)
	}
	return fmt.Sprintf(r.text.de, r.args...)
}

func refuse(k mailbox.Kind, t text, args ...any) *Refusal {
	return &Refusal{Kind: k, text: t, args: args}
}

func invalid(t text, args ...any) *Refusal { return refuse(mailbox.Invalid, t, args...) }

var (
	textLogin = text{"„%s“ ist kein Anmeldename: 1 bis 100 Bytes aus Buchstaben, Ziffern und . _ - + @, am Anfang ein Buchstabe oder eine Ziffer.",
		"%q is no login: 1 to 100 bytes of letters, digits and . _ - + @, beginning with a letter or digit."}
	textEmail           = text{"„%s“ ist keine E-Mail-Adresse wie name@example.org.", "%q is no e-mail address like name@example.org."}
	textPasswordShort   = text{"Ein Kennwort hat mindestens %d Zeichen.", "A password has at least %d characters."}
	textPasswordLong    = text{"Ein Kennwort hat höchstens %d Bytes.", "A password has at most %d bytes."}
	textPasswordControl = text{"Ein Kennwort enthält keine Steuerzeichen und ist gültiges UTF-8.", "A password holds no control characters and is valid UTF-8."}
	textName            = text{"„%s“ ist kein Personenname: 1 bis 200 Bytes ohne Steuerzeichen.", "%q is no name of a person: 1 to 200 bytes without control characters."}
	textLanguage        = text{"Die Sprache „%s“ gibt es nicht; es gibt de und en.", "There is no language %q; there are de and en."}
	textRole            = text{"Die Rolle „%s“ gibt es nicht; es gibt %s.", "There is no role %q; there are %s."}
	textKind            = text{"Die Kontoart „%s“ gibt es nicht; es gibt person und machine.", "There is no kind of account %q; there are person and machine."}
	textLayout          = text{"Die Ansicht „%s“ gibt es nicht; es gibt direct und members.", "There is no layout %q; there are direct and members."}
	textNetwork         = text{"„%s“ ist kein Netz wie 192.0.2.0/24 oder 2001:db8::/32.", "%q is no network like 192.0.2.0/24 or 2001:db8::/32."}
	textDate            = text{"„%s“ ist kein Datum wie 2026-12-31 oder 31.12.2026.", "%q is no date like 2026-12-31 or 31.12.2026."}
	textYesNo           = text{"„%s“ ist weder ja noch nein.", "%q is neither yes nor no."}

	textNoAccount        = text{"Das Konto „%s“ gibt es nicht.", "There is no account %q."}
	textAccountExists    = text{"Das Konto „%s“ gibt es schon.", "The account %q exists already."}
	textNoMember         = text{"Das Mitglied „%s“ gibt es nicht.", "There is no member %q."}
	textMemberClosed     = text{"Das Mitglied %s ist geschlossen.", "Member %s is closed."}
	textMemberNeeded     = text{"Die Rolle %s braucht ein bestimmtes Mitglied.", "The role %s needs one member."}
	textMemberOrAll      = text{"Die Rolle %s braucht ein Mitglied oder ausdrücklich „all“.", "The role %s needs a member, or \"all\" in so many words."}
	textNoMemberHere     = text{"Die Rolle %s gilt für die ganze Anlage, nicht für ein Mitglied.", "The role %s holds for the whole installation, not for one member."}
	textPeriod           = text{"Die Berechtigung endet vor ihrem Beginn.", "The grant ends before it begins."}
	textTwoSides         = text{"Ein Konto hat nicht zugleich Rollen der Kasse und eines Mitglieds; legen Sie ein zweites Konto derselben Person an.", "An account does not hold roles of the authority and of a member at once; make a second account of the same person."}
	textDirect           = text{"Das Konto zeigt ein Postfach unmittelbar (Ansicht direct) und darf deshalb nur ein Mitglied haben. Stellen Sie zuerst die Ansicht members ein; die Pfade des Kontos ändern sich dadurch.", "The account shows one mailbox directly (layout direct), so it can have one member only. Set the layout members first; this changes the account's paths."}
	textProgramName      = text{"„%s“ ist kein Name für ein Gerätepasswort: höchstens %d Zeichen, mit Umlauten etwas weniger, zum Beispiel „Notebook Büro“.", "%q is no name for an app password: at most %d characters, with umlauts a little less, for example \"office laptop\"."}
	textNoAppPassword    = text{"Das Konto hat kein gültiges Gerätepasswort mit der Nummer %d.", "The account has no valid app password with the number %d."}
	textManyAppPasswords = text{"Das Konto hat schon %d Gerätepasswörter. Widerrufen Sie zuerst eines, das nicht mehr gebraucht wird.", "The account has %d app passwords already. Revoke one that is no longer needed first."}
	textDisabled         = text{"Das Konto „%s“ ist gesperrt.", "The account %q is disabled."}
	textMachineLetter    = text{"„%s“ ist ein Maschinenkonto; es meldet sich nicht im Browser an und bekommt keinen Brief.", "%q is a machine account; it does not sign in by browser and gets no letter."}
	textAddress          = text{"„%s“ ist keine Anschrift: höchstens %d Zeilen mit je höchstens %d Zeichen, ohne den Namen.", "%q is no postal address: at most %d lines of at most %d characters, without the name."}
	textNoAddress        = text{"Diesen Konten fehlt die Anschrift der Person: %s.", "The person's postal address is missing for: %s."}
	textDays             = text{"Ein Einmalkennwort gilt 1 bis %d Tage.", "A one-time password is valid for 1 to %d days."}
	textManyLetters      = text{"Es werden höchstens %d Briefe auf einmal erstellt.", "At most %d letters are made at once."}
	textOneTimeKept      = text{"Bitte wählen Sie ein anderes Kennwort als das aus dem Brief.", "Please choose another password than that of the letter."}
	textFlowOver         = text{"Diese Anfrage ist abgelaufen oder schon beantwortet. Bitte beginnen Sie die Anmeldung im Programm noch einmal.", "This request has expired or was answered already. Please begin signing in again in the program."}
	textTicketOver       = text{"Es ist zu viel Zeit vergangen, oder das Einmalkennwort gilt nicht mehr. Bitte melden Sie sich noch einmal an.", "Too much time has passed, or the one-time password is no longer valid. Please sign in again."}

	textRoleMissing    = text{"Zu dem Mitglied „%s“ fehlt die Rolle.", "The role for member %q is missing."}
	textNoGrant        = text{"Das Konto hat keine solche Berechtigung.", "The account has no such grant."}
	textSharedEmail    = text{"Die Adresse %s gehört mehreren Personen (%s). Für Rollen der Kasse hat jede Person ihre eigene Adresse und überall denselben Namen.", "The address %s belongs to several persons (%s). For roles of the authority each person has an address of their own and the same name everywhere."}
	textMachinePerson  = text{"Ein Maschinenkonto braucht eine verantwortliche Person mit E-Mail-Adresse.", "A machine account needs a responsible person with an e-mail address."}
	textMachineOnly    = text{"Netze und unmittelbare Freigabe gibt es nur für Maschinenkonten.", "Networks and direct release exist for machine accounts only."}
	textKindFixed      = text{"Die Art eines Kontos ändert sich nicht.", "The kind of an account never changes."}
	textSubject        = text{"„%s“ kann keine Kennung bei einem Anmeldedienst sein: 1 bis 255 Zeichen, keine Steuerzeichen.", "%q cannot be a subject of an OpenID provider: 1 to 255 characters, no control characters."}
	textExternalTaken  = text{"Die Kennung beim Anmeldedienst gehört schon zum Konto „%s“.", "That subject belongs to the account %q already."}
	textPageOver       = text{"Diese Seite war zu lange offen, oder das Kennwort wurde inzwischen geändert. Bitte melden Sie sich noch einmal an.", "This page was open for too long, or the password has been changed meanwhile. Please sign in again."}
	textReleaseDirect  = text{"Unmittelbare Freigabe braucht die Rolle caseworker.", "Direct release needs the role caseworker."}
	textRowsDiffer     = text{"Zeile %d nennt für „%s“ etwas anderes: %s.", "Line %d says something else about %q: %s."}
	textChangedBetween = text{"Die Konten wurden während des Einlesens geändert; bitte wiederholen.", "The accounts changed while the file was being read; please repeat."}

	textFileLong       = text{"Die Datei ist größer als %d MiB.", "The file is larger than %d MiB."}
	textFileRows       = text{"Die Datei hat mehr als %d Zeilen.", "The file has more than %d lines."}
	textFileUTF16      = text{"Die Datei ist in UTF-16 geschrieben; bitte als „CSV UTF-8“ speichern.", "The file is written in UTF-16; please save it as \"CSV UTF-8\"."}
	textFileEmpty      = text{"Die Datei hat keine Kopfzeile.", "The file has no header line."}
	textFileSyntax     = text{"Die Anführungszeichen stimmen nicht.", "The quotation marks do not match."}
	textFileByte       = text{"Ein Byte gehört weder zu UTF-8 noch zu Windows-1252.", "A byte belongs neither to UTF-8 nor to Windows-1252."}
	textHeaderUnknown  = text{"Die Spalte „%s“ ist unbekannt; bekannt sind %s.", "The column %q is not known; known are %s."}
	textHeaderTwice    = text{"Die Spalte „%s“ steht zweimal da.", "The column %q stands there twice."}
	textHeaderMissing  = text{"Die Spalte „%s“ fehlt.", "The column %q is missing."}
	textCellsExtra     = text{"Die Zeile hat mehr Felder als die Kopfzeile.", "The line has more fields than the header."}
	textCellControl    = text{"Das Feld „%s“ enthält ein Steuerzeichen oder einen Zeilenumbruch.", "The field %q holds a control character or a line break."}
	textCellLong       = text{"Das Feld „%s“ ist länger als %d Bytes.", "The field %q is longer than %d bytes."}
	textCellEmpty      = text{"Das Feld „%s“ ist leer.", "The field %q is empty."}
	textTooManyFaults  = text{"Es gibt mehr als %d Fehler; die übrigen sind nicht aufgeführt.", "There are more than %d faults; the others are not listed."}
	textTooManyColumns = text{"Die Kopfzeile hat mehr als %d Spalten.", "The header has more than %d columns."}
)
