// SPDX-License-Identifier: Apache-2.0

package scan

// Error makes a Problem an error for the log.
func (p Problem) Error() string {
	if p.Detail == "" {
		return "scanner not ready: " + string(p.Code)
	}
	return "scanner not ready: " + string(p.Code) + ": " + p.Detail
}

// Text says in German ("de", the default) or English ("en") what is wrong and
// what to do, for the operator.
func (p Problem) Text(language string) string {
	t, ok := problemTexts[p.Code]
	switch {
	case !ok:
		return string(p.Code)
	case language == "en":
		return t.en
	}
	return t.de
}

var problemTexts = map[Code]struct{ de, en string }{
	Unprobed: {
		"Der Virenscanner wurde noch nicht geprüft.",
		"The virus scanner has not been probed yet."},
	Unreachable: {
		"Der Virenscanner clamd antwortet nicht. Läuft der Dienst, und stimmt scan.clamd?",
		"The virus scanner clamd does not answer. Is the service running, and is scan.clamd right?"},
	TestFileMissed: {
		"clamd erkennt die EICAR-Testdatei nicht. Sind Signaturen geladen?",
		"clamd does not recognise the EICAR test file. Are signatures loaded?"},
	EncryptedPassed: {
		"clamd meldet verschlüsselte Inhalte nicht. In clamd.conf fehlt „AlertEncrypted yes“ (siehe deploy/clamd.conf).",
		"clamd does not report encrypted contents. clamd.conf lacks “AlertEncrypted yes” (see deploy/clamd.conf)."},
	RecursionPassed: {
		"clamd nennt ein Archiv sauber, das es nicht bis zum Grund gelesen hat. In clamd.conf fehlt „AlertExceedsMax yes“ (siehe deploy/clamd.conf).",
		"clamd calls an archive clean that it has not read to the bottom. clamd.conf lacks “AlertExceedsMax yes” (see deploy/clamd.conf)."},
	OwnMissing: {
		"Die eigenen Signaturen deploy/postfach.ndb sind in clamd nicht geladen. Ohne sie läuft Postfach nur mit scan.own_signatures: off.",
		"The signatures deploy/postfach.ndb are not loaded in clamd. Postfach runs without them only with scan.own_signatures: off."},
	StreamTooShort: {
		"StreamMaxLength in clamd.conf ist kleiner als scan.max_size.",
		"StreamMaxLength in clamd.conf is below scan.max_size."},
	MemberPassed: {
		"clamd nennt ein Archiv sauber, dessen Inhalt über seinen Grenzen liegt. MaxFileSize und MaxScanSize müssen gleich sein (siehe deploy/clamd.conf).",
		"clamd calls an archive clean whose content exceeds its limits. MaxFileSize and MaxScanSize must be equal (see deploy/clamd.conf)."},
	EndUnread: {
		"clamd liest eine Datei der Größe scan.max_size nicht bis zum Ende. MaxFileSize, MaxScanSize oder MaxScanTime sind zu klein (siehe deploy/clamd.conf).",
		"clamd does not read a file of size scan.max_size to its end. MaxFileSize, MaxScanSize or MaxScanTime are too small (see deploy/clamd.conf)."},
	SignaturesOld: {
		"Die Virensignaturen sind älter als scan.signatures_max_age. Läuft freshclam?",
		"The virus signatures are older than scan.signatures_max_age. Is freshclam running?"},
	SignaturesUnknown: {
		"clamd nennt kein Datum der Virensignaturen; das zählt als zu alt. Nur scan.signatures_max_age: off erlaubt das.",
		"clamd names no date of the virus signatures, which counts as too old. Only scan.signatures_max_age: off allows that."},
}
