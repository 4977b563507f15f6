# Lo que se comunica a quien invita, con uno de los encabezados. { $contact } y { $room } son direcciones.
told-about = Su invitación a { $contact } para { $room }: { $what }
told-about-contact = Su invitación a { $contact }: { $what }
told-outcast = No se puede invitar a este contacto a esta sala.
told-not-member = Este contacto no es miembro de esta sala. Diríjase a la administración de la sala.
told-no-rights = Este contacto no es miembro de esta sala y no se le ha podido añadir. Diríjase a la administración de la sala.
told-may-not-invite = Usted no puede invitar a esta sala.
told-untrusted = Las invitaciones a esta sala no se retransmiten aquí. Invite a las personas por su propia dirección.
told-nobody = No se encuentra a nadie en esta dirección. Para invitar a bob@example.org, invite a bob\40example.org@{ $component }.
told-rate-limited = Demasiadas invitaciones. Espere un rato; hasta entonces se descartan las siguientes.
told-too-many = Esta dirección representa a más personas de las que puede alcanzar una invitación. No se ha invitado a nadie.
told-no-list = Esta sala no indica quiénes son sus miembros. No se ha invitado a nadie.
told-unsendable = La invitación no se puede transmitir tal como está: algo en ella, por ejemplo la contraseña de la sala, es demasiado largo.
told-not-delivered = No se ha podido entregar la invitación.
told-not-passed-on = No se ha podido transmitir la invitación.
told-expired = No se ha podido entregar la invitación a tiempo.
told-no-room = Esta invitación no indica ninguna sala. Escriba solo su dirección, por ejemplo room@conference.example.org.

# Sin encabezado.
told-declined = { $contact } ha rechazado su invitación a { $room }.
told-declined-because = { $contact } ha rechazado su invitación a { $room }: { $reason }

# El resultado de una invitación a varias personas: algunos de estos textos, separados por comas.
sum-invited = { $count ->
    [one] { $count } persona invitada
   *[other] { $count } personas invitadas
}
sum-already = { $count ->
    [one] { $count } ya estaba allí
   *[other] { $count } ya estaban allí
}
sum-failed = { $count ->
    [one] { $count } no localizable
   *[other] { $count } no localizables
}
