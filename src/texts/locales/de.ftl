# Was Einladende erfahren, mit einer der Überschriften. { $contact } und { $room } sind Adressen.
told-about = Ihre Einladung an { $contact } in den Raum { $room }: { $what }
told-about-contact = Ihre Einladung an { $contact }: { $what }
told-outcast = Dieser Kontakt kann nicht in diesen Raum eingeladen werden.
told-not-member = Dieser Kontakt ist kein Mitglied dieses Raums. Bitte fragen Sie jemanden, der den Raum verwaltet.
told-no-rights = Dieser Kontakt ist kein Mitglied dieses Raums und konnte nicht dazu gemacht werden. Bitte fragen Sie jemanden, der den Raum verwaltet.
told-may-not-invite = Sie dürfen nicht in diesen Raum einladen.
told-untrusted = Einladungen in diesen Raum werden hier nicht weitergeleitet. Bitte laden Sie Personen unter ihrer eigenen Adresse ein.
told-nobody = Unter dieser Adresse ist niemand erreichbar. Um bob@example.org einzuladen, laden Sie bob\40example.org@{ $component } ein.
told-rate-limited = Zu viele Einladungen. Bitte warten Sie eine Weile; bis dahin werden weitere verworfen.
told-too-many = Diese Adresse steht für mehr Personen, als eine Einladung erreichen darf. Niemand wurde eingeladen.
told-no-list = Dieser Raum teilt nicht mit, wer seine Mitglieder sind. Niemand wurde eingeladen.
told-unsendable = Die Einladung kann so nicht weitergeleitet werden: etwas darin, etwa das Passwort des Raums, ist zu lang.
told-not-delivered = Die Einladung konnte nicht zugestellt werden.
told-not-passed-on = Die Einladung konnte nicht weitergeleitet werden.
told-expired = Die Einladung konnte nicht rechtzeitig zugestellt werden.
told-no-room = Diese Einladung nennt keinen Raum. Geben Sie nur dessen Adresse an, zum Beispiel room@conference.example.org.

# Ohne Überschrift.
told-declined = { $contact } hat Ihre Einladung in den Raum { $room } abgelehnt.
told-declined-because = { $contact } hat Ihre Einladung in den Raum { $room } abgelehnt: { $reason }

# Was aus einer Einladung an mehrere Personen wurde: einige davon, durch Kommas getrennt.
sum-invited = { $count } eingeladen
sum-already = { $count } schon dort
sum-failed = { $count } nicht erreichbar
