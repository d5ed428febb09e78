// SPDX-License-Identifier: Apache-2.0

package reply

import (
	"errors"
	"strings"

	"postfach/mailbox"
)

// Sentence is what a person reads about err, in "de" or "en". An error that is
// none of ours says nothing about itself.
func Sentence(lang string, err error) string {
	e, ok := errors.AsType[*mailbox.Error](err)
	if !ok {
		e = &mailbox.Error{}
	}
	pair, ok := sentences[e.Reason]
	if !ok || e.Kind == mailbox.Internal {
		pair = sentences[ofKind[e.Kind]]
	}
	text := pair.de
	if lang == "en" {
		text = pair.en
	}
	return fill(text, e.Args)
}

// fill puts args in the place of each %s. Missing ones become "…", so that no
// sentence ever shows a formatting fault to a member.
func fill(text string, args []string) string {
	var b strings.Builder
	for {
		before, after, more := strings.Cut(text, "%s")
		b.WriteString(before)
		if !more {
			return b.String()
		}
		if len(args) > 0 {
			b.WriteString(args[0])
			args = args[1:]
		} else {
			b.WriteString("…")
		}
		text = after
	}
}

// ofKind is the reason told where an error has none.
var ofKind = map[mailbox.Kind]mailbox.Reason{
	mailbox.Internal:           mailbox.ReasonInternal,
	mailbox.Unauthenticated:    mailbox.ReasonSignIn,
	mailbox.Paused:             mailbox.ReasonPaused,
	mailbox.NotFound:           mailbox.ReasonNotFound,
	mailbox.Forbidden:          mailbox.ReasonNotAllowed,
	mailbox.Invalid:            mailbox.ReasonMalformed,
	mailbox.NameRefused:        mailbox.ReasonNameCharacter,
	mailbox.Exists:             mailbox.ReasonExists,
	mailbox.ParentMissing:      mailbox.ReasonParent,
	mailbox.Twin:               mailbox.ReasonTwin,
	mailbox.Conflict:           reasonConflict,
	mailbox.Locked:             mailbox.ReasonLocked,
	mailbox.Precondition:       mailbox.ReasonCondition,
	mailbox.UnreadRelease:      mailbox.ReasonUnread,
	mailbox.TooLarge:           mailbox.ReasonTooLarge,
	mailbox.Infected:           mailbox.ReasonInfected,
	mailbox.Unscannable:        reasonUnscannable,
	mailbox.OverQuota:          mailbox.ReasonQuota,
	mailbox.Unavailable:        reasonUnavailable,
	mailbox.RangeUnsatisfiable: mailbox.ReasonRange,
	mailbox.Unsupported:        mailbox.ReasonUnsupported,
	mailbox.Canceled:           mailbox.ReasonBroken,
}

// Reasons that only stand in for a missing one.
const (
	reasonConflict    mailbox.Reason = "conflict"
	reasonUnscannable mailbox.Reason = "unscannable"
	reasonUnavailable mailbox.Reason = "unavailable"
)

type pair struct{ de, en string }

// sentences say what happened and what the reader can do. They name no
// mechanism and, but for their arguments, no file.
var sentences = map[mailbox.Reason]pair{
	mailbox.ReasonNameEncoding: {
		"Der Name ist nicht in UTF-8 geschrieben. Bitte benennen Sie die Datei um oder verwenden Sie ein anderes Programm zum Hochladen.",
		"The name is not valid UTF-8. Please rename the file or use another program to upload it."},
	mailbox.ReasonNameDots: {
		"Dieser Name ist nicht erlaubt: Er ist leer oder besteht nur aus Punkten.",
		"This name is not allowed: it is empty or consists of dots only."},
	mailbox.ReasonNameLong: {
		"Der Name ist zu lang. Erlaubt sind 255 Byte, das sind bei Umlauten etwas weniger als 255 Zeichen.",
		"The name is too long. The limit is 255 bytes, which is a little less than 255 characters with umlauts."},
	mailbox.ReasonNameControl: {
		"Der Name enthält Steuerzeichen. Bitte benennen Sie die Datei um.",
		"The name contains control characters. Please rename the file."},
	mailbox.ReasonNameCharacter: {
		`Der Name enthält ein Zeichen, das nicht erlaubt ist. Nicht erlaubt sind \ / : * ? " < > |`,
		`The name contains a character that is not allowed. Not allowed are \ / : * ? " < > |`},
	mailbox.ReasonNameTrailing: {
		"Der Name endet mit einem Punkt oder einem Leerzeichen. Bitte benennen Sie die Datei um.",
		"The name ends with a dot or a space. Please rename the file."},
	mailbox.ReasonNameReserved: {
		"Der Name „%s“ ist unter Windows reserviert. Bitte benennen Sie die Datei um.",
		"The name “%s” is reserved by Windows. Please rename the file."},
	mailbox.ReasonOwnNumber: {
		"Der Name „%s“ ist die Nummer dieses Postfachs und führt zu ihm. Bitte wählen Sie einen anderen Namen.",
		"The name “%s” is the number of this mailbox and leads to it. Please choose another name."},
	mailbox.ReasonPathLong: {
		"Der Pfad ist zu lang. Bitte verwenden Sie kürzere Namen oder weniger Unterordner.",
		"The path is too long. Please use shorter names or fewer subfolders."},
	mailbox.ReasonNameNumber: {
		"Die Datei trägt die Nummer %s, das Postfach ist %s. Bitte prüfen Sie, ob die Datei hierher gehört.",
		"The file carries the number %s, the mailbox is %s. Please check whether the file belongs here."},

	mailbox.ReasonNameHidden: {
		"Diese Datei hat ein Programm für sich selbst angelegt. Sie wird nicht übernommen.",
		"A program made this file for itself. It is not taken over."},
	mailbox.ReasonNoAuthor: {
		"Dieser Entwurf stammt aus einem anderen System und sein Verfasser ist nicht bekannt, das Vier-Augen-Prinzip braucht ihn aber. Bitte lassen Sie den Entwurf vom Verfasser selbst einstellen.",
		"This draft comes from another system and its author is not known, but the four-eyes principle needs one. Please have its author upload the draft."},

	mailbox.ReasonSignIn: {
		"Bitte melden Sie sich mit Ihrem Anmeldenamen und Ihrem Kennwort an.",
		"Please sign in with your user name and password."},
	mailbox.ReasonInsecure: {
		"Über diese Verbindung wird kein Kennwort angenommen. Bitte verwenden Sie eine Adresse, die mit https:// beginnt.",
		"No password is accepted over this connection. Please use an address that begins with https://."},
	mailbox.ReasonOwnPassword: {
		"Das Kennwort aus dem Brief gilt nur für die erste Anmeldung. Bitte rufen Sie im Browser die Adresse aus dem Brief auf und legen Sie dort ein eigenes Kennwort fest.",
		"The password of the letter is for the first sign-in only. Please open the address given in the letter in your browser and choose a password of your own there."},
	mailbox.ReasonOneTimeOver: {
		"Dieses Einmalkennwort ist abgelaufen. Bitte wenden Sie sich an den Service und bitten Sie um einen neuen Brief.",
		"This one-time password has expired. Please contact the service and ask for a new letter."},
	mailbox.ReasonOneTimeUsed: {
		"Dieses Einmalkennwort wurde schon benutzt. Bitte melden Sie sich mit Ihrem eigenen Kennwort an. Haben Sie selbst keines festgelegt, wenden Sie sich bitte sofort an den Service.",
		"This one-time password has been used already. Please sign in with your own password. If it was not you who chose one, please contact the service at once."},
	mailbox.ReasonAppPassword: {
		"Programme melden sich bei diesem Konto nur mit einem Gerätepasswort an. Ihr eigenes Kennwort gilt hier nicht.",
		"Programs sign in to this account with an app password only. Your own password is not accepted here."},
	mailbox.ReasonProgramsOnly: {
		"Das ist ein Gerätepasswort; es gilt nur für Programme. Bitte melden Sie sich hier mit Ihrem eigenen Kennwort an.",
		"This is an app password; it is for programs only. Please sign in here with your own password."},
	mailbox.ReasonMachine: {
		"Dieses Konto ist für Programme eingerichtet und kann sich nicht im Browser anmelden.",
		"This account is set up for programs and cannot sign in by browser."},
	mailbox.ReasonToken: {
		"Die Anmeldung über Ihren Anmeldedienst gilt hier nicht oder nicht mehr. Bitte melden Sie sich in Ihrem Programm noch einmal an.",
		"The sign-in by your sign-in service is not valid here, or no longer. Please sign in again in your program."},
	mailbox.ReasonTokens: {
		"Die Anmeldung über den Anmeldedienst ist nach vielen falschen Versuchen kurz angehalten. Bitte versuchen Sie es gleich noch einmal.",
		"Signing in by the sign-in service is paused after many wrong attempts. Please try again in a moment."},
	mailbox.ReasonProvider: {
		"Der Anmeldedienst ist zurzeit nicht erreichbar. Bitte versuchen Sie es später noch einmal oder melden Sie sich mit Ihrem Kennwort oder einem Gerätepasswort an.",
		"The sign-in service cannot be reached at present. Please try again later, or sign in with your password or an app password."},
	mailbox.ReasonPaused: {
		"Die Anmeldung mit Kennwort ist nach mehreren falschen Versuchen kurz angehalten. Bitte versuchen Sie es später noch einmal.",
		"Signing in with a password is paused after several wrong attempts. Please try again later."},
	mailbox.ReasonNoGrant: {
		"Für Ihr Konto ist zurzeit kein Zugriff auf Dateien eingerichtet. Bitte wenden Sie sich an den Service.",
		"No access to files is set up for your account at present. Please contact the service."},
	mailbox.ReasonByNumber: {
		"Ihr Konto gilt für alle Postfächer; ein Programm, das Ordner abgleicht, zeigt nur einzeln zugeordnete, und Ihnen ist keines zugeordnet. Bitte nutzen Sie das Netzlaufwerk oder den Browser.",
		"Your account is valid for all mailboxes; a program that synchronises folders shows only those assigned one by one, and none is assigned to you. Please use the network drive or the browser."},
	mailbox.ReasonNotFound: {
		"Diese Datei oder dieser Ordner ist nicht vorhanden.",
		"There is no such file or folder."},
	mailbox.ReasonOtherSide: {
		"Dieser Ordner gehört der Kasse. Bitte legen Sie Ihre Dateien in ‚%s‘ ab.",
		"This folder belongs to the authority. Please put your files into ‘%s’."},
	mailbox.ReasonNotAllowed: {
		"Dazu sind Sie an dieser Stelle nicht berechtigt.",
		"You are not permitted to do this here."},
	mailbox.ReasonNoReading: {
		"Ihr Konto liefert nur an und kann keine Inhalte abrufen.",
		"Your account only delivers and cannot retrieve content."},
	mailbox.ReasonFixedFolder: {
		"Dieser Ordner gehört fest zum Postfach und kann nicht verändert werden.",
		"This folder is a fixed part of the mailbox and cannot be changed."},
	mailbox.ReasonBetween: {
		"Zwischen zwei Postfächern kann nichts verschoben oder kopiert werden.",
		"Nothing can be moved or copied between two mailboxes."},
	mailbox.ReasonFolderAsOne: {
		"Ein Ordner kann nicht als Ganzes freigegeben werden. Bitte geben Sie die Dokumente einzeln frei.",
		"A folder cannot be released as a whole. Please release its documents one by one."},
	mailbox.ReasonClosed: {
		"Dieses Postfach ist geschlossen. Neue Dateien werden nicht mehr angenommen.",
		"This mailbox is closed. New files are no longer accepted."},
	mailbox.ReasonOwnWork: {
		"Sie haben an diesem Dokument mitgearbeitet. Die Freigabe muss durch eine andere Person erfolgen.",
		"You have worked on this document. Another person has to release it."},
	mailbox.ReasonUnread: {
		"Bitte öffnen und lesen Sie genau diese Fassung des Dokuments, bevor Sie es freigeben.",
		"Please open and read this very version of the document before you release it."},
	mailbox.ReasonReleaseDoor: {
		"Freigaben sind nur im Browser möglich.",
		"Documents can be released in the browser only."},
	mailbox.ReasonReturned: {
		"Dieses Dokument wurde zurückgewiesen. Bitte legen Sie es zuerst wieder in den Postausgang.",
		"This document was sent back. Please put it back into the outbox first."},
	mailbox.ReasonCopyRelease: {
		"Durch Kopieren wird nichts freigegeben oder übernommen. Bitte verschieben Sie das Dokument.",
		"Copying neither releases nor takes over a document. Please move it."},
	mailbox.ReasonExists: {
		"Unter diesem Namen ist schon etwas vorhanden.",
		"Something with this name exists already."},
	mailbox.ReasonParent: {
		"Der übergeordnete Ordner ist nicht vorhanden. Bitte legen Sie ihn zuerst an.",
		"The parent folder does not exist. Please create it first."},
	mailbox.ReasonTwin: {
		"Es gibt hier schon den Namen „%s“, der sich nur in der Schreibweise unterscheidet. Bitte wählen Sie einen anderen Namen.",
		"There is already the name “%s” here, which differs in its spelling only. Please choose another name."},
	mailbox.ReasonIsFolder: {
		"Unter diesem Namen gibt es einen Ordner. Das geht nur mit einer Datei.",
		"There is a folder with this name. This is possible with a file only."},
	mailbox.ReasonIsFile: {
		"Unter diesem Namen gibt es eine Datei. Das geht nur mit einem Ordner.",
		"There is a file with this name. This is possible with a folder only."},
	mailbox.ReasonIntoItself: {
		"Ein Ordner oder eine Datei kann nicht auf oder in sich selbst verschoben oder kopiert werden.",
		"A folder or file cannot be moved or copied onto or into itself."},
	mailbox.ReasonLocked: {
		"Die Datei oder der Ordner wird gerade bearbeitet von: %s. Bitte versuchen Sie es später noch einmal.",
		"The file or folder is being edited by: %s. Please try again later."},
	mailbox.ReasonLockToken: {
		"Diese Sperre gibt es nicht mehr oder sie gehört nicht zu dieser Stelle.",
		"This lock no longer exists or does not belong to this place."},
	mailbox.ReasonLockMany: {
		"Es bestehen schon zu viele Sperren. Bitte schließen Sie nicht mehr benötigte Dateien.",
		"There are too many locks already. Please close files that are no longer needed."},
	mailbox.ReasonCondition: {
		"Die Datei oder der Ordner wurde in der Zwischenzeit geändert. Bitte laden Sie den neuen Stand.",
		"The file or folder has been changed in the meantime. Please load the current state."},
	mailbox.ReasonOverwrite: {
		"Am Ziel ist schon etwas mit diesem Namen vorhanden; es wurde nichts überschrieben.",
		"The destination exists already; nothing was overwritten."},
	mailbox.ReasonQuota: {
		"Das Postfach ist voll (Grenze: %s). Bitte entfernen Sie nicht mehr benötigte Dateien oder wenden Sie sich an den Service.",
		"The mailbox is full (limit: %s). Please remove files that are no longer needed or contact the service."},
	mailbox.ReasonTooLarge: {
		"Die Datei ist zu groß. Erlaubt sind höchstens %s.",
		"The file is too large. The limit is %s."},
	mailbox.ReasonLength: {
		"Die Datei ist nicht vollständig angekommen: Die Länge stimmt nicht mit der angekündigten überein. Bitte laden Sie sie noch einmal hoch.",
		"The file did not arrive completely: its length is not the announced one. Please upload it again."},
	mailbox.ReasonDigest: {
		"Die Datei ist verändert angekommen: Die Prüfsumme (%s) stimmt nicht. Bitte laden Sie sie noch einmal hoch.",
		"The file was altered on its way: the checksum (%s) does not match. Please upload it again."},
	mailbox.ReasonBroken: {
		"Die Übertragung ist abgebrochen. Es wurde nichts gespeichert. Bitte laden Sie die Datei noch einmal hoch.",
		"The transfer broke off. Nothing was stored. Please upload the file again."},
	mailbox.ReasonInfected: {
		"Die Datei wurde nicht angenommen: Der Virenscanner hat darin „%s“ gefunden. Bitte prüfen Sie Ihren Rechner.",
		"The file was not accepted: the virus scanner found “%s” in it. Please check your computer."},
	mailbox.ReasonScanner: {
		"Die Datei kann gerade nicht auf Viren geprüft werden und wurde deshalb nicht angenommen. Bitte versuchen Sie es in einigen Minuten noch einmal.",
		"The file cannot be checked for viruses at the moment and was therefore not accepted. Please try again in a few minutes."},
	mailbox.ReasonStorage: {
		"Der Speicher ist gerade nicht verfügbar. Es wurde nichts gespeichert. Bitte versuchen Sie es in einigen Minuten noch einmal.",
		"The storage is not available at the moment. Nothing was stored. Please try again in a few minutes."},
	mailbox.ReasonRecovering: {
		"Dieses Postfach wird nach einem Ausfall wiederhergestellt und ist noch nicht freigegeben. Ihre Dateien bleiben erhalten. Bitte versuchen Sie es später noch einmal.",
		"This mailbox is being restored after a failure and has not been released yet. Your files are kept. Please try again later."},
	mailbox.ReasonUnknownAuthor: {
		"Wer dieses Dokument verfasst hat, ist seit der Wiederherstellung nicht mehr bekannt. Bitte legen Sie es unter einem anderen Namen neu in den Postausgang.",
		"Who wrote this document is not known since the restoration. Please put it into the outbox anew, under another name."},
	mailbox.ReasonCatalog: {
		"Die Postfächer sind gerade nicht erreichbar. Bitte versuchen Sie es in einigen Minuten noch einmal.",
		"The mailboxes cannot be reached at the moment. Please try again in a few minutes."},
	mailbox.ReasonStaging: {
		"Gerade werden zu viele Dateien gleichzeitig hochgeladen. Bitte versuchen Sie es in einigen Minuten noch einmal.",
		"Too many files are being uploaded at the moment. Please try again in a few minutes."},
	mailbox.ReasonBusy: {
		"Gerade melden sich zu viele Benutzer gleichzeitig an. Bitte versuchen Sie es gleich noch einmal.",
		"Too many users are signing in at the moment. Please try again shortly."},
	mailbox.ReasonOutcome: {
		"Es ist noch nicht bekannt, ob die Datei gespeichert wurde. Bitte prüfen Sie in einigen Minuten, ob sie angekommen ist.",
		"It is not known yet whether the file was stored. Please check in a few minutes whether it has arrived."},
	mailbox.ReasonTooSlow: {
		"Das Hochladen hat zu lange gedauert und wurde beendet. Es wurde nichts gespeichert.",
		"The upload took too long and was ended. Nothing was stored."},
	mailbox.ReasonTooMany: {
		"Das betrifft zu viele Dateien auf einmal. Bitte gehen Sie in kleineren Schritten vor.",
		"This concerns too many files at once. Please proceed in smaller steps."},
	mailbox.ReasonProps: {
		"Die zusätzlichen Eigenschaften dieser Datei sind zu viele oder zu groß.",
		"The additional properties of this file are too many or too large."},
	mailbox.ReasonMalformed: {
		"Die Anfrage ist fehlerhaft (%s).",
		"The request is malformed (%s)."},
	mailbox.ReasonUnsupported: {
		"Diese Funktion wird nicht angeboten.",
		"This function is not offered."},
	mailbox.ReasonRange: {
		"Der verlangte Teil der Datei ist nicht vorhanden.",
		"The requested part of the file does not exist."},
	mailbox.ReasonInternal: {
		"Bei uns ist ein Fehler aufgetreten. Bitte versuchen Sie es noch einmal oder wenden Sie sich an den Service.",
		"An error occurred on our side. Please try again or contact the service."},
	mailbox.ReasonCrossSite: {
		"Die Anfrage kam von einer fremden Internetseite und wurde nicht ausgeführt.",
		"The request came from another web site and was not carried out."},
	mailbox.ReasonFiniteDepth: {
		"Der Inhalt eines Ordners kann nicht mit allen Unterordnern auf einmal abgefragt werden.",
		"The content of a folder cannot be listed with all its subfolders at once."},
	mailbox.ReasonForeignHost: {
		"Das Ziel liegt auf einem anderen Server. Dorthin kann nichts verschoben oder kopiert werden.",
		"The destination is on another server. Nothing can be moved or copied there."},
	mailbox.ReasonProtected: {
		"Diese Eigenschaft kann nicht geändert werden.",
		"This property cannot be changed."},
	mailbox.ReasonMethod: {
		"Dieser Vorgang ist an dieser Stelle nicht möglich.",
		"This operation is not possible here."},
	mailbox.ReasonContentRange: {
		"Eine Datei kann nur als Ganzes hochgeladen werden.",
		"A file can be uploaded as a whole only."},

	mailbox.ReasonEncryptedArchive: {
		"Das Archiv ist mit einem Kennwort geschützt und kann nicht auf Viren geprüft werden. Bitte ohne Kennwort hochladen, die Übertragung ist verschlüsselt.",
		"The archive is protected by a password and cannot be checked for viruses. Please upload it without a password, the transfer is encrypted."},
	mailbox.ReasonEncryptedDocument: {
		"Das Dokument ist mit einem Kennwort geschützt und kann nicht auf Viren geprüft werden. Bitte ohne Kennwort hochladen, die Übertragung ist verschlüsselt.",
		"The document is protected by a password and cannot be checked for viruses. Please upload it without a password, the transfer is encrypted."},
	mailbox.ReasonScanLimits: {
		"Die Datei enthält zu viel oder zu tief Verschachteltes und kann nicht vollständig auf Viren geprüft werden. Bitte laden Sie den Inhalt einzeln hoch.",
		"The file contains too much or is nested too deeply to be checked for viruses completely. Please upload its content piece by piece."},
	mailbox.ReasonScanTime: {
		"Die Prüfung der Datei auf Viren hat zu lange gedauert. Bitte laden Sie den Inhalt in kleineren Teilen hoch.",
		"Checking the file for viruses took too long. Please upload its content in smaller parts."},
	mailbox.ReasonArchiveStructure: {
		"Das Archiv ist beschädigt oder ungewöhnlich aufgebaut und kann nicht auf Viren geprüft werden. Bitte packen Sie es neu oder laden Sie den Inhalt einzeln hoch.",
		"The archive is damaged or built in an unusual way and cannot be checked for viruses. Please pack it anew or upload its content piece by piece."},
	mailbox.ReasonArchiveMethod: {
		"Das Archiv ist mit einem Verfahren gepackt, das nicht auf Viren geprüft werden kann. Bitte packen Sie es als gewöhnliches ZIP-Archiv.",
		"The archive is packed by a method that cannot be checked for viruses. Please pack it as an ordinary ZIP archive."},

	reasonConflict: {
		"Das ist im jetzigen Zustand nicht möglich.",
		"This is not possible in the present state."},
	reasonUnscannable: {
		"Die Datei kann nicht auf Viren geprüft werden und wurde deshalb nicht angenommen.",
		"The file cannot be checked for viruses and was therefore not accepted."},
	reasonUnavailable: {
		"Der Dienst ist gerade nicht verfügbar. Bitte versuchen Sie es in einigen Minuten noch einmal.",
		"The service is not available at the moment. Please try again in a few minutes."},
}
