# Ce qu'apprennent les personnes qui invitent, avec l'un des en-têtes. { $contact } et { $room } sont des adresses.
told-about = Votre invitation adressée à { $contact } pour { $room } : { $what }
told-about-contact = Votre invitation adressée à { $contact } : { $what }
told-outcast = Il n'est pas possible d'inviter ce contact dans ce salon.
told-not-member = Ce contact n'est pas membre de ce salon. Veuillez vous adresser à l'administration du salon.
told-no-rights = Ce contact n'est pas membre de ce salon et n'a pas pu le devenir. Veuillez vous adresser à l'administration du salon.
told-may-not-invite = Vous n'avez pas le droit d'inviter dans ce salon.
told-untrusted = Les invitations dans ce salon ne sont pas relayées ici. Veuillez inviter les personnes par leur propre adresse.
told-nobody = Personne n'est joignable à cette adresse. Pour inviter bob@example.org, invitez bob\40example.org@{ $component }.
told-another-relay = C'est une adresse de relais d'un autre serveur, qui ne relaie que les invitations dans ses propres salons. Veuillez inviter la personne par sa propre adresse.
told-rate-limited = Trop d'invitations. Veuillez patienter un moment ; d'ici là, les suivantes sont ignorées.
told-too-many = Cette adresse désigne plus de personnes qu'une invitation ne peut en atteindre. Personne n'a été invité.
told-no-list = Ce salon n'indique pas au relais qui sont ses membres. Personne n'a été invité.
told-unsendable = L'invitation ne peut pas être transmise telle quelle : un élément, par exemple le mot de passe du salon, est trop long.
told-not-delivered = L'invitation n'a pas pu être remise.
told-not-passed-on = L'invitation n'a pas pu être transmise.
told-expired = L'invitation n'a pas pu être remise à temps.
told-invited-before = Cette personne a été invitée dans ce salon il y a peu. Vous pourrez l'inviter de nouveau plus tard.
told-no-room = Cette invitation ne désigne aucun salon. Indiquez seulement son adresse, par exemple room@conference.example.org.

# Sans en-tête.
told-declined = { $contact } a décliné votre invitation dans { $room }.
told-declined-because = { $contact } a décliné votre invitation dans { $room } : { $reason }

# Ce qu'est devenue une invitation adressée à plusieurs personnes : certains de ces textes, séparés par des virgules.
sum-invited = { $count ->
    [one] { $count } personne invitée
   *[other] { $count } personnes invitées
}
sum-before = { $count ->
    [one] { $count } déjà invitée auparavant
   *[other] { $count } déjà invitées auparavant
}
sum-already = { $count ->
    [one] { $count } déjà présente
   *[other] { $count } déjà présentes
}
sum-failed = { $count ->
    [one] { $count } injoignable
   *[other] { $count } injoignables
}
sum-elsewhere = dont { $count } sans confirmation pour l'instant (sur d'autres serveurs)

# Le composant et ses commandes, tels que les clients les affichent.
component-name = Relais d'invitations
command-list = Commandes
command-settings = Mes préférences
command-data = Ce que le relais conserve à mon sujet
command-forget = M'oublier
command-statistics = Statistiques
command-recent = Invitations récentes
command-block = Bloquer un salon, un service ou une personne pour tout le monde
command-reload = Relire la configuration
command-invite = Inviter au nom de quelqu'un
command-groups = Groupes
command-group-create = Créer un groupe
command-group-add = Ajouter à un groupe
command-group-remove = Retirer d'un groupe
command-group-allow = Qui peut utiliser un groupe
command-group-delete = Supprimer un groupe
too-many-commands = Trop de commandes : veuillez patienter un moment.

# Ce qui figure au-dessus d'un formulaire.
page-settings = De qui accepter des invitations, et quoi bloquer. Les adresses que vous bloquez ne peuvent pas vous inviter et n'en sont pas averties.
page-forget = Choisissez ce que le relais doit oublier à votre sujet.
page-block = Les adresses bloquées ne peuvent inviter personne ici et n'en sont pas averties.
page-invite = Les invitations viennent de la personne qui invite ; elle doit avoir le droit d'inviter dans le salon.
page-group-create = Une invitation à NOM@{ $component } est adressée à toutes les personnes du groupe.
page-group-entries = Adresses de personnes, ou @NOM pour toutes celles d'un autre groupe.
page-group-allow = Pour toutes les autres personnes, le groupe n'existe pas.
page-group-delete = Les invitations à ce groupe n'atteindront plus personne.

# Préférences.
field-accept-from = Invitations dans des salons
accept-everybody = de tout le monde
accept-contacts = seulement des personnes de ma liste de contacts
accept-nobody = aucune
accept-server = laissées à mon serveur quand il peut les remettre, comme s'il n'y avait pas de relais
field-block = Bloquer : adresses de salons, de services MUC ou de personnes, séparées par des espaces
field-lift = Ne plus bloquer
lift-nothing = rien
lift-everything = tout
field-blocked = Bloqués
note-settings-saved = Vos préférences sont enregistrées.
wrong-no-contact-list = Le relais ne peut pas voir votre liste de contacts.
wrong-block = Blocage impossible : { $word } n'est pas une adresse.
wrong-too-many-blocks = Rien n'a été modifié : il n'est pas possible de bloquer plus de { $count } adresses.

# Ce que le relais conserve au sujet d'une personne. { $state } est un mot de l'historique.
note-data = Voici ce que le relais conserve à votre sujet.
field-received = Invitations qui me sont adressées, la plus récente en premier
field-sent = Invitations que j'ai envoyées, la plus récente en premier
line-received = { $when } dans { $room } par { $inviter } : { $state }
line-sent = { $when } dans { $room } à { $contact }
field-forget = Oublier
forget-invitations = les invitations que j'ai reçues et envoyées ; mes préférences restent
forget-everything = aussi mes préférences ; les invitations de tout le monde me parviendront
field-forgotten = Oublié
forgotten-invitations = { $count ->
    [one] { $count } invitation oubliée. Vos préférences restent inchangées.
   *[other] { $count } invitations oubliées. Vos préférences restent inchangées.
}
forgotten-everything = { $count ->
    [one] { $count } invitation oubliée. Vos préférences sont oubliées : les invitations de tout le monde vous parviendront.
   *[other] { $count } invitations oubliées. Vos préférences sont oubliées : les invitations de tout le monde vous parviendront.
}

# Pour l'administration.
field-total = Invitations des dernières 24 heures qui sont terminées
field-ended = Ce qu'elles sont devenues
field-pending = Invitations en cours
field-people = Personnes qui ont leurs propres préférences
field-blocked-for-all = Bloqués pour tout le monde
field-version = Version du relais
note-statistics = { $count ->
    [one] { $count } invitation au cours des dernières 24 heures.
   *[other] { $count } invitations au cours des dernières 24 heures.
}
field-invitations = Invitations, la plus récente en premier
line-recent = { $id } : { $when } dans { $room } par { $inviter } à { $contact } : { $state }
note-recent = Les invitations les plus récentes : { $count }.
note-blocked = Bloqués pour tout le monde : { $count }.
note-blocked-own = Domaines de ce serveur même : { $domains }. Les invitations qui en viennent, ou vers leurs salons, ne sont plus transmises.
note-reloaded = Clés modifiées : { $count }. Clés qui exigent un redémarrage : { $waiting }.
note-wrong-configuration = La nouvelle configuration est erronée : le relais continue avec celle qu'il a.
field-changed = En vigueur dès maintenant
field-restart = En vigueur après un redémarrage
field-wrong = Ce qui est erroné

# Groupes.
field-group = Groupe
field-group-name = Nom, tel qu'il figure avant le @
field-group-entries = Adresses, ou @noms, séparés par des espaces
field-group-may-use = Qui peut l'utiliser
field-group-users = Qui peut l'utiliser, s'il est réservé à certaines personnes : adresses séparées par des espaces
may-use-everybody = toute personne qui peut inviter dans le salon
may-use-members = les personnes qui en font partie
may-use-named = les personnes nommées ci-dessous
field-group-now = Le groupe est maintenant
field-groups-kept = Tenus par l'administration
field-groups-configured = Dans la configuration
line-group = { $name }, pour { $may-use } : { $entries }
line-group-configured = { $name } : { $count } personnes
note-group = { $command } : { $name }. C'est fait.
note-groups = Groupes : { $count }.
wrong-entry = { $word } n'est ni l'adresse d'une personne ni le @nom d'un groupe.
wrong-relay-address = { $word } est une adresse de relais. Un autre groupe se désigne par @ et son nom.
wrong-nobody = Indiquez au moins une personne.
wrong-group-name = { $name } ne peut pas être le nom d'un groupe. Un nom s'écrit en minuscules et sans espaces.
wrong-group-members = Ce ne peut pas être le nom d'un groupe : c'est l'adresse des membres d'un salon.
wrong-group-contact = Ce ne peut pas être le nom d'un groupe : c'est l'adresse d'un seul contact.
wrong-group-configured = Un groupe de ce nom figure dans la configuration.
wrong-not-in-group = Rien n'a été modifié : ne fait pas partie du groupe : { $entries }.
wrong-group-user = Rien n'a été modifié : { $word } est un groupe. Seules des personnes peuvent être nommées pour en utiliser un.
wrong-group-exists = Rien n'a été modifié : il existe déjà un groupe de ce nom.
wrong-group-unknown = Rien n'a été modifié : il n'existe pas de groupe de ce nom.
wrong-too-many-groups = Rien n'a été modifié : il n'est pas possible de tenir plus de { $count } groupes.
wrong-too-many-entries = Rien n'a été modifié : un groupe ne peut pas avoir plus de { $count } entrées.
wrong-no-group = Rien n'a été modifié : il n'existe pas de groupe { $name }.
wrong-nesting = Rien n'a été modifié : les groupes se contiendraient l'un l'autre, ou seraient trop imbriqués.

# Invitations par l'administration, et ce qui s'y oppose.
field-invite-room = Salon
field-inviter = Au nom de qui : adresse de la personne qui invite
field-invite-contacts = Qui : adresses, ou le @nom d'un groupe, ou @members pour les membres du salon
field-invite-reason = Motif
field-invite-mode = Que faire
invite-send = inviter
invite-dry-run = montrer seulement ce qu'il en adviendrait
note-invited = Invitations terminées : { $count }. Encore en cours : { $waiting }.
note-rehearsed = Personne n'a été invité. Contacts examinés : { $count }. Encore sans réponse : { $waiting }.
wrong-invite-address = Personne n'est invité : { $word } n'est pas une adresse. Écrivez-en une comme bob@example.org.
wrong-invite-room = Personne n'est invité : { $room } n'est pas un salon dont le relais s'occupe. Indiquez-en un sur { $services } (muc.services).
wrong-invite-no-such-room = Personne n'est invité : le salon { $room } n'existe pas.
wrong-inviter = Personne n'est invité : { $inviter } n'a pas de compte sur ce serveur. Indiquez une personne sur { $hosts }.
wrong-invite-contact = Personne n'est invité : { $contact } n'est pas l'adresse d'une personne. Un groupe se désigne par @ et son nom.
wrong-invite-whom = Personne n'est invité : indiquez des contacts, ou un seul groupe, ou les membres du salon.
wrong-invite-too-many = Personne n'est invité : il n'est pas possible d'inviter plus de { $count } personnes à la fois. Invitez-les en plusieurs fois.
wrong-invite-group = Personne n'est invité : il n'existe pas de groupe { $name }, ou personne n'en fait partie.
wrong-invite-may-not-use = Personne n'est invité : la personne qui invite ne peut pas utiliser le groupe { $name }. Autorisez-la, ou indiquez une autre personne.
wrong-invite-no-list = Personne n'est invité : le salon n'indique pas au relais qui sont ses membres. Indiquez comme personne qui invite un propriétaire du salon. Les droits d'administration du relais sur le service MUC ne suffisent que si le serveur répond à ses questions.
wrong-invite-silent = Personne n'est invité : le salon n'a pas répondu. Réessayez plus tard.
wrong-invite-not-connected = Personne n'est invité : le relais n'est pas connecté au serveur. Réessayez quand il le sera.
wrong-invite-busy = Personne n'est invité : deux commandes de ce genre sont déjà en cours. Réessayez quand l'une d'elles sera terminée.
wrong-invite-journal = Personne n'est invité : les groupes ne peuvent pas être lus. Le journal du relais dit pourquoi.
