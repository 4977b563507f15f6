# Ce qu'apprennent les personnes qui invitent, avec l'un des en-têtes. { $contact } et { $room } sont des adresses.
told-about = Votre invitation adressée à { $contact } pour { $room } : { $what }
told-about-contact = Votre invitation adressée à { $contact } : { $what }
told-outcast = Il n'est pas possible d'inviter ce contact dans ce salon.
told-not-member = Ce contact n'est pas membre de ce salon. Veuillez vous adresser à l'administration du salon.
told-no-rights = Ce contact n'est pas membre de ce salon et n'a pas pu le devenir. Veuillez vous adresser à l'administration du salon.
told-may-not-invite = Vous n'avez pas le droit d'inviter dans ce salon.
told-untrusted = Les invitations dans ce salon ne sont pas relayées ici. Veuillez inviter les personnes par leur propre adresse.
told-nobody = Personne n'est joignable à cette adresse. Pour inviter bob@example.org, invitez bob\40example.org@{ $component }.
told-rate-limited = Trop d'invitations. Veuillez patienter un moment ; d'ici là, les suivantes sont ignorées.
told-too-many = Cette adresse désigne plus de personnes qu'une invitation ne peut en atteindre. Personne n'a été invité.
told-no-list = Ce salon n'indique pas au relais qui sont ses membres. Personne n'a été invité.
told-unsendable = L'invitation ne peut pas être transmise telle quelle : un élément, par exemple le mot de passe du salon, est trop long.
told-not-delivered = L'invitation n'a pas pu être remise.
told-not-passed-on = L'invitation n'a pas pu être transmise.
told-expired = L'invitation n'a pas pu être remise à temps.
told-no-room = Cette invitation ne désigne aucun salon. Indiquez seulement son adresse, par exemple room@conference.example.org.

# Sans en-tête.
told-declined = { $contact } a décliné votre invitation dans { $room }.
told-declined-because = { $contact } a décliné votre invitation dans { $room } : { $reason }

# Ce qu'est devenue une invitation adressée à plusieurs personnes : certains de ces textes, séparés par des virgules.
sum-invited = { $count ->
    [one] { $count } personne invitée
   *[other] { $count } personnes invitées
}
sum-already = { $count ->
    [one] { $count } déjà présente
   *[other] { $count } déjà présentes
}
sum-failed = { $count ->
    [one] { $count } injoignable
   *[other] { $count } injoignables
}
