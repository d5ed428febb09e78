// SPDX-License-Identifier: Apache-2.0

package web

// words are what a person reads on the pages, in one language.
type words struct {
	Welcome, Known, OpenMailbox, BrowserAsks       string
	FirstTime, FirstTimeHow, OneTime, OneTimeHint  string
	Login, Password, PasswordHint, Next, Wrong     string
	Choose, Hello, ChooseHow, NewPassword, Rule    string
	Repeat, Differ, SetPassword                    string
	Settled, SettledHow, ForPrograms               string
	BackToProgram                                  string
	LetIn, Wants, WantsUnnamed, BegunAt, OnlyIfYou string
	ElsewhereHow, WhatItGets, DeviceName           string
	DeviceHint, Allow, Allowed, AllowedHow, Over   string
	DevicesTitle, DevicesHow, OwnHint, ShowDevices string
	DevicesOf, Made, Used, UsedLate                string
	NeverUsed, EndIt, EndHow, Ended, EndedBefore   string
	NoDevices, ToDevices                           string
}

var texts = map[string]words{
	"de": {
		Welcome:      "Ihr Postfach",
		Known:        "Sie haben schon ein eigenes Kennwort",
		OpenMailbox:  "Postfach öffnen",
		BrowserAsks:  "Der Browser fragt nach Ihrem Anmeldenamen und Ihrem eigenen Kennwort.",
		FirstTime:    "Erste Anmeldung mit dem Brief",
		FirstTimeHow: "Sie haben einen Brief mit Anmeldename und Einmalkennwort erhalten? Geben Sie beides hier ein. Danach legen Sie ein eigenes Kennwort fest.",
		OneTime:      "Einmalkennwort",
		OneTimeHint:  "aus dem Brief; Groß- und Kleinschreibung, Leerzeichen und Striche spielen keine Rolle",
		Login:        "Anmeldename",
		Password:     "Kennwort",
		PasswordHint: "Ihr eigenes Kennwort, oder beim ersten Mal das Einmalkennwort aus dem Brief",
		Next:         "Weiter",
		Wrong:        "Anmeldename oder Kennwort stimmt nicht. Bitte prüfen Sie beides.",

		Choose:      "Eigenes Kennwort festlegen",
		Hello:       "Guten Tag %s,",
		ChooseHow:   "bitte wählen Sie jetzt ein Kennwort, das nur Sie kennen. Das Einmalkennwort aus dem Brief gilt danach nicht mehr.",
		NewPassword: "Neues Kennwort",
		Rule:        "mindestens %d Zeichen; weitere Regeln gibt es nicht. Mehrere Wörter hintereinander sind leicht zu merken.",
		Repeat:      "Neues Kennwort wiederholen",
		Differ:      "Die beiden Eingaben sind verschieden. Bitte geben Sie das neue Kennwort zweimal gleich ein.",
		SetPassword: "Kennwort festlegen",

		Settled:       "Ihr Kennwort ist eingerichtet",
		SettledHow:    "Ab jetzt melden Sie sich mit Ihrem Anmeldenamen und Ihrem eigenen Kennwort an.",
		ForPrograms:   "Adresse für Programme wie das Netzlaufwerk oder die Synchronisation:",
		BackToProgram: "Weiter: Programm zulassen",

		LetIn:        "Programm zulassen",
		Wants:        "Das Programm „%s“ möchte sich mit Ihrem Konto verbinden.",
		WantsUnnamed: "Ein Programm möchte sich mit Ihrem Konto verbinden.",
		BegunAt:      "Die Anfrage wurde um %s Uhr gestellt.",
		OnlyIfYou:    "Fahren Sie nur fort, wenn Sie diese Anmeldung soeben selbst in dem Programm begonnen haben. Haben Sie den Link per E-Mail oder Nachricht erhalten, schließen Sie diese Seite.",
		ElsewhereHow: "Vorsicht: Die Anfrage kam aus einem anderen Netz als Ihr Browser. Fahren Sie nur fort, wenn Sie diese Anmeldung soeben selbst in dem Programm begonnen haben, zum Beispiel auf einem Gerät mit anderem Netzzugang. Haben Sie den Link per E-Mail oder Nachricht erhalten, schließen Sie diese Seite.",
		WhatItGets:   "Das Programm erhält ein eigenes Gerätepasswort für Ihre Dateien. Ihr Kennwort erfährt es nicht. Ein Gerätepasswort kann einzeln widerrufen werden.",
		DeviceName:   "Name für das Gerätepasswort",
		DeviceHint:   "daran erkennen Sie es später, zum Beispiel „Notebook Büro“",
		Allow:        "Zugriff erlauben",
		Allowed:      "Zugriff erlaubt",
		AllowedHow:   "Das Programm verbindet sich gleich von selbst. Sie können diese Seite schließen.",
		Over:         "Anfrage nicht mehr gültig",

		DevicesTitle: "Ihre Gerätepasswörter",
		DevicesHow:   "Hier sehen Sie, welche Programme und Geräte mit einem Gerätepasswort auf Ihr Postfach zugreifen, und können einzelne davon widerrufen, zum Beispiel nach dem Verlust eines Geräts.",
		OwnHint:      "Ihr eigenes Kennwort",
		ShowDevices:  "Gerätepasswörter anzeigen",
		DevicesOf:    "Gültige Gerätepasswörter von %s:",
		Made:         "Eingerichtet",
		Used:         "Zuletzt benutzt",
		UsedLate:     "Die letzte Benutzung erscheint hier mit bis zu zwei Minuten Verspätung.",
		NeverUsed:    "noch nie",
		EndIt:        "Widerrufen",
		EndHow:       "Ein widerrufenes Gerätepasswort gilt nach wenigen Sekunden nicht mehr. Die Dateien auf dem Gerät bleiben dort. Um das Programm wieder zu verbinden, richten Sie es neu ein.",
		Ended:        "Das Gerätepasswort ist widerrufen.",
		EndedBefore:  "Dieses Gerätepasswort war schon widerrufen.",
		NoDevices:    "Für %s gibt es zurzeit kein gültiges Gerätepasswort.",
		ToDevices:    "Gerätepasswörter ansehen und widerrufen",
	},
	"en": {
		Welcome:      "Your mailbox",
		Known:        "You have a password of your own already",
		OpenMailbox:  "Open the mailbox",
		BrowserAsks:  "The browser asks for your user name and your own password.",
		FirstTime:    "First sign-in with the letter",
		FirstTimeHow: "Have you received a letter with a user name and a one-time password? Enter both here. You then choose a password of your own.",
		OneTime:      "One-time password",
		OneTimeHint:  "from the letter; capitals, spaces and dashes do not matter",
		Login:        "User name",
		Password:     "Password",
		PasswordHint: "your own, or the first time the one-time password of the letter",
		Next:         "Next",
		Wrong:        "The user name or the password is not right. Please check both.",

		Choose:      "Choose your own password",
		Hello:       "Hello %s,",
		ChooseHow:   "please choose a password now that only you know. After that, the one-time password of the letter is no longer valid.",
		NewPassword: "New password",
		Rule:        "at least %d characters; there are no other rules. Several words in a row are easy to remember.",
		Repeat:      "New password again",
		Differ:      "The two entries differ. Please enter the same new password twice.",
		SetPassword: "Set the password",

		Settled:       "Your password is set up",
		SettledHow:    "From now on, sign in with your user name and your own password.",
		ForPrograms:   "Address for programs such as a network drive or a sync client:",
		BackToProgram: "Next: let the program in",

		LetIn:        "Let a program in",
		Wants:        "The program “%s” wants to connect to your account.",
		WantsUnnamed: "A program wants to connect to your account.",
		BegunAt:      "It asked at %s.",
		OnlyIfYou:    "Go on only if you have just begun this sign-in yourself in the program. If you received this link by mail or message, close this page.",
		ElsewhereHow: "Take care: the request came from another network than your browser. Go on only if you have just begun this sign-in yourself in the program, for example on a device with another connection. If you received this link by mail or message, close this page.",
		WhatItGets:   "The program gets an app password of its own for your files. It does not learn your password. Each app password can be revoked on its own.",
		DeviceName:   "Name of the app password",
		DeviceHint:   "by which you recognise it later, for example “office laptop”",
		Allow:        "Allow access",
		Allowed:      "Access allowed",
		AllowedHow:   "The program connects by itself in a moment. You may close this page.",
		Over:         "Request no longer valid",

		DevicesTitle: "Your app passwords",
		DevicesHow:   "Here you see which programs and devices reach your mailbox with an app password, and can revoke single ones, for example after a device was lost.",
		OwnHint:      "your own password",
		ShowDevices:  "Show the app passwords",
		DevicesOf:    "Valid app passwords of %s:",
		Made:         "Set up",
		Used:         "Last used",
		UsedLate:     "The last use appears here up to two minutes late.",
		NeverUsed:    "never",
		EndIt:        "Revoke",
		EndHow:       "A revoked app password is no longer valid after a few seconds. The files on the device stay there. To connect the program again, set it up anew.",
		Ended:        "The app password is revoked.",
		EndedBefore:  "This app password had been revoked before.",
		NoDevices:    "There is no valid app password for %s at present.",
		ToDevices:    "View and revoke app passwords",
	},
}
