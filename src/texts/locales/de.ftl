# Was Einladende erfahren, mit einer der Überschriften. { $contact } und { $room } sind Adressen.
told-about = Ihre Einladung an { $contact } in den Raum { $room }: { $what }
told-about-contact = Ihre Einladung an { $contact }: { $what }
told-outcast = Dieser Kontakt kann nicht in diesen Raum eingeladen werden.
told-not-member = Dieser Kontakt ist kein Mitglied dieses Raums. Bitte fragen Sie jemanden, der den Raum verwaltet.
told-no-rights = Dieser Kontakt ist kein Mitglied dieses Raums und konnte nicht dazu gemacht werden. Bitte fragen Sie jemanden, der den Raum verwaltet.
told-may-not-invite = Sie dürfen nicht in diesen Raum einladen.
told-untrusted = Einladungen in diesen Raum werden hier nicht weitergeleitet. Bitte laden Sie Personen unter ihrer eigenen Adresse ein.
told-nobody = Unter dieser Adresse ist niemand erreichbar. Um bob@example.org einzuladen, laden Sie bob\40example.org@{ $component } ein.
told-another-relay = Dies ist eine Relay-Adresse eines anderen Servers, der nur Einladungen in seine eigenen Räume weiterleitet. Bitte laden Sie die Person unter ihrer eigenen Adresse ein.
told-rate-limited = Zu viele Einladungen. Bitte warten Sie eine Weile; bis dahin werden weitere verworfen.
told-too-many = Diese Adresse steht für mehr Personen, als eine Einladung erreichen darf. Niemand wurde eingeladen.
told-no-list = Dieser Raum teilt nicht mit, wer seine Mitglieder sind. Niemand wurde eingeladen.
told-unsendable = Die Einladung kann so nicht weitergeleitet werden: etwas darin, etwa das Passwort des Raums, ist zu lang.
told-not-delivered = Die Einladung konnte nicht zugestellt werden.
told-not-passed-on = Die Einladung konnte nicht weitergeleitet werden.
told-expired = Die Einladung konnte nicht rechtzeitig zugestellt werden.
told-invited-before = Diese Person wurde vor Kurzem in diesen Raum eingeladen. Sie können sie später erneut einladen.
told-no-room = Diese Einladung nennt keinen Raum. Geben Sie nur dessen Adresse an, zum Beispiel room@conference.example.org.

# Ohne Überschrift.
told-declined = { $contact } hat Ihre Einladung in den Raum { $room } abgelehnt.
told-declined-because = { $contact } hat Ihre Einladung in den Raum { $room } abgelehnt: { $reason }

# Was aus einer Einladung an mehrere Personen wurde: einige davon, durch Kommas getrennt.
sum-invited = { $count } eingeladen
sum-before = { $count } bereits früher eingeladen
sum-already = { $count } schon dort
sum-failed = { $count } nicht erreichbar
sum-elsewhere = { $count } der Eingeladenen noch nicht bestätigt (auf anderen Servern)

# Die Komponente und ihre Befehle, wie Clients sie auflisten.
component-name = Einladungs-Relay
command-list = Befehle
command-settings = Meine Einstellungen
command-data = Was das Relay über mich speichert
command-forget = Mich vergessen
command-statistics = Statistik
command-recent = Letzte Einladungen
command-block = Einen Raum, einen Dienst oder eine Person für alle blockieren
command-reload = Konfiguration neu lesen
command-invite = Im Namen einer Person einladen
command-groups = Gruppen
command-group-create = Gruppe anlegen
command-group-add = Zu einer Gruppe hinzufügen
command-group-remove = Aus einer Gruppe entfernen
command-group-allow = Wer eine Gruppe benutzen darf
command-group-delete = Gruppe löschen
too-many-commands = Zu viele Befehle: bitte warten Sie eine Weile.

# Was über einem Formular steht.
page-settings = Von wem Sie Einladungen annehmen und was Sie blockieren. Blockierte Adressen können Sie nicht einladen und erfahren nichts davon.
page-forget = Wählen Sie, was das Relay über Sie vergessen soll.
page-block = Blockierte Adressen können hier niemanden einladen und erfahren nichts davon.
page-invite = Die Einladungen kommen von der einladenden Person. Sie muss in den Raum einladen dürfen.
page-group-create = Eine Einladung an NAME@{ $component } geht an alle in der Gruppe.
page-group-entries = Adressen von Personen, oder @NAME für alle einer anderen Gruppe.
page-group-allow = Für alle anderen gibt es die Gruppe nicht.
page-group-delete = Einladungen an sie erreichen niemanden mehr.

# Einstellungen.
field-accept-from = Einladungen in Räume
accept-everybody = von allen
accept-contacts = nur von Personen in meiner Kontaktliste
accept-nobody = gar keine
accept-server = meinem Server überlassen, wo er sie zustellen kann, als gäbe es kein Relay
field-block = Blockieren: Adressen von Räumen, MUC-Diensten oder Personen, mit Leerzeichen dazwischen
field-lift = Nicht mehr blockieren
lift-nothing = nichts
lift-everything = alles
field-blocked = Blockiert
note-settings-saved = Ihre Einstellungen sind gespeichert.
wrong-no-contact-list = Das Relay kann Ihre Kontaktliste nicht sehen.
wrong-block = Das kann nicht blockiert werden: { $word } ist keine Adresse.
wrong-too-many-blocks = Nichts wurde geändert: mehr als { $count } können nicht blockiert werden.

# Was das Relay über jemanden speichert. { $state } ist ein Wort des Verlaufs.
note-data = Das speichert das Relay über Sie.
field-received = Einladungen an mich, die neueste zuerst
field-sent = Einladungen von mir, die neueste zuerst
line-received = { $when } in { $room } von { $inviter }: { $state }
line-sent = { $when } in { $room } an { $contact }
field-forget = Vergessen
forget-invitations = die Einladungen, die ich bekommen und verschickt habe; meine Einstellungen bleiben
forget-everything = auch meine Einstellungen, so dass mich Einladungen von allen erreichen
field-forgotten = Vergessen
forgotten-invitations = { $count ->
    [one] { $count } Einladung ist vergessen. Ihre Einstellungen bleiben, wie sie sind.
   *[other] { $count } Einladungen sind vergessen. Ihre Einstellungen bleiben, wie sie sind.
}
forgotten-everything = { $count ->
    [one] { $count } Einladung ist vergessen. Ihre Einstellungen sind vergessen: Einladungen erreichen Sie von allen.
   *[other] { $count } Einladungen sind vergessen. Ihre Einstellungen sind vergessen: Einladungen erreichen Sie von allen.
}

# Für die Verwaltung.
field-total = Einladungen der letzten 24 Stunden, die abgeschlossen sind
field-ended = Was aus ihnen wurde
field-pending = Einladungen, die unterwegs sind
field-people = Personen mit eigenen Einstellungen
field-blocked-for-all = Für alle blockiert
field-version = Version des Relays
note-statistics = { $count ->
    [one] { $count } Einladung in den letzten 24 Stunden.
   *[other] { $count } Einladungen in den letzten 24 Stunden.
}
field-invitations = Einladungen, die neueste zuerst
line-recent = { $id }: { $when } in { $room } von { $inviter } an { $contact }: { $state }
note-recent = Die neuesten Einladungen: { $count }.
note-blocked = Für alle blockiert: { $count }.
note-blocked-own = Darunter Domains dieses Servers: { $domains }. Einladungen von dort und in Räume dort werden nicht mehr weitergeleitet.
note-reloaded = Geänderte Schlüssel: { $count }. Schlüssel, die einen Neustart brauchen: { $waiting }.
note-wrong-configuration = Die neue Konfiguration ist falsch: das Relay arbeitet mit der bisherigen weiter.
field-changed = Gilt ab jetzt
field-restart = Gilt nach einem Neustart
field-wrong = Was falsch ist

# Gruppen.
field-group = Gruppe
field-group-name = Name, wie er vor dem @ steht
field-group-entries = Adressen oder @Namen, mit Leerzeichen dazwischen
field-group-may-use = Wer sie benutzen darf
field-group-users = Wer sie benutzen darf, wenn sie für genannte Personen ist: Adressen mit Leerzeichen dazwischen
may-use-everybody = alle, die in den Raum einladen dürfen
may-use-members = alle, die in ihr sind
may-use-named = die unten genannten Personen
field-group-now = Die Gruppe ist jetzt
field-groups-kept = Von der Verwaltung geführt
field-groups-configured = In der Konfiguration
line-group = { $name }, für { $may-use }: { $entries }
line-group-configured = { $name }: { $count } Personen
note-group = { $command }: { $name }. Erledigt.
note-groups = Gruppen: { $count }.
wrong-entry = { $word } ist weder die Adresse einer Person noch der @Name einer Gruppe.
wrong-relay-address = { $word } ist eine Relay-Adresse. Eine andere Gruppe wird mit @ und ihrem Namen genannt.
wrong-nobody = Nennen Sie jemanden.
wrong-group-name = { $name } kann kein Gruppenname sein. Ein Name ist klein geschrieben und ohne Leerzeichen.
wrong-group-members = Das kann kein Gruppenname sein: es ist die Adresse der Mitglieder eines Raums.
wrong-group-contact = Das kann kein Gruppenname sein: es ist die Adresse eines einzelnen Kontakts.
wrong-group-configured = Eine Gruppe dieses Namens steht in der Konfiguration.
wrong-not-in-group = Nichts wurde geändert: nicht in der Gruppe: { $entries }.
wrong-group-user = Nichts wurde geändert: { $word } ist eine Gruppe. Wer eine benutzen darf, wird mit der Adresse einer Person genannt.
wrong-group-exists = Nichts wurde geändert: eine Gruppe dieses Namens gibt es schon.
wrong-group-unknown = Nichts wurde geändert: eine Gruppe dieses Namens gibt es nicht.
wrong-too-many-groups = Nichts wurde geändert: mehr als { $count } Gruppen sind nicht möglich.
wrong-too-many-entries = Nichts wurde geändert: mehr als { $count } Einträge kann eine Gruppe nicht haben.
wrong-no-group = Nichts wurde geändert: eine Gruppe { $name } gibt es nicht.
wrong-nesting = Nichts wurde geändert: die Gruppen enthielten sich gegenseitig, oder wären zu tief verschachtelt.

# Einladungen durch die Verwaltung, und was ihnen entgegensteht.
field-invite-room = Raum
field-inviter = In wessen Namen: Adresse der einladenden Person
field-invite-contacts = Wen: Adressen, oder der @Name einer Gruppe, oder @members für die Mitglieder des Raums
field-invite-reason = Grund
field-invite-mode = Was zu tun ist
invite-send = einladen
invite-dry-run = nur zeigen, was daraus würde
note-invited = Abgeschlossene Einladungen: { $count }. Noch unterwegs: { $waiting }.
note-rehearsed = Niemand wurde eingeladen. Geprüfte Kontakte: { $count }. Noch ohne Antwort: { $waiting }.
wrong-invite-address = Niemand wird eingeladen: { $word } ist keine Adresse. Schreiben Sie eine wie bob@example.org.
wrong-invite-room = Niemand wird eingeladen: { $room } ist kein Raum, für den das Relay zuständig ist. Nennen Sie einen auf { $services } (muc.services).
wrong-invite-no-such-room = Niemand wird eingeladen: den Raum { $room } gibt es nicht.
wrong-inviter = Niemand wird eingeladen: { $inviter } hat kein Konto auf diesem Server. Nennen Sie eine Person auf { $hosts }.
wrong-invite-contact = Niemand wird eingeladen: { $contact } ist nicht die Adresse einer Person. Eine Gruppe wird mit @ und ihrem Namen genannt.
wrong-invite-whom = Niemand wird eingeladen: nennen Sie Kontakte, oder eine Gruppe, oder die Mitglieder des Raums.
wrong-invite-too-many = Niemand wird eingeladen: mehr als { $count } auf einmal sind nicht möglich. Laden Sie in mehreren Teilen ein.
wrong-invite-group = Niemand wird eingeladen: eine Gruppe { $name } gibt es nicht, oder niemand ist in ihr.
wrong-invite-may-not-use = Niemand wird eingeladen: die einladende Person darf die Gruppe { $name } nicht benutzen. Erlauben Sie es ihr, oder nennen Sie eine andere.
wrong-invite-no-list = Niemand wird eingeladen: der Raum teilt nicht mit, wer seine Mitglieder sind. Nennen Sie als einladende Person jemanden, dem der Raum gehört. Adminrechte des Relays beim MUC-Dienst genügen nur, wo der Server dessen Fragen beantwortet.
wrong-invite-silent = Niemand wird eingeladen: der Raum hat nicht geantwortet. Versuchen Sie es später erneut.
wrong-invite-not-connected = Niemand wird eingeladen: das Relay ist nicht mit dem Server verbunden. Versuchen Sie es erneut, wenn es verbunden ist.
wrong-invite-busy = Niemand wird eingeladen: zwei solche Befehle werden bereits ausgeführt. Versuchen Sie es erneut, wenn einer beendet ist.
wrong-invite-journal = Niemand wird eingeladen: die Gruppen können nicht gelesen werden. Das Protokoll sagt, warum.
