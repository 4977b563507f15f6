# Lo que se comunica a quien invita, con uno de los encabezados. { $contact } y { $room } son direcciones.
told-about = Su invitación a { $contact } para { $room }: { $what }
told-about-contact = Su invitación a { $contact }: { $what }
told-outcast = No se puede invitar a este contacto a esta sala.
told-not-member = Este contacto no es miembro de esta sala. Diríjase a la administración de la sala.
told-no-rights = Este contacto no es miembro de esta sala y no se le ha podido añadir. Diríjase a la administración de la sala.
told-may-not-invite = Usted no puede invitar a esta sala.
told-untrusted = Las invitaciones a esta sala no se retransmiten aquí. Invite a las personas por su propia dirección.
told-nobody = No se encuentra a nadie en esta dirección. Para invitar a bob@example.org, invite a bob\40example.org@{ $component }.
told-another-relay = Es una dirección de retransmisión de otro servidor, que solo retransmite invitaciones a sus propias salas. Invite a la persona por su propia dirección.
told-rate-limited = Demasiadas invitaciones. Espere un rato; hasta entonces se descartan las siguientes.
told-too-many = Esta dirección representa a más personas de las que puede alcanzar una invitación. No se ha invitado a nadie.
told-no-list = Esta sala no indica quiénes son sus miembros. No se ha invitado a nadie.
told-unsendable = La invitación no se puede transmitir tal como está: algo en ella, por ejemplo la contraseña de la sala, es demasiado largo.
told-not-delivered = No se ha podido entregar la invitación.
told-not-passed-on = No se ha podido transmitir la invitación.
told-expired = No se ha podido entregar la invitación a tiempo.
told-invited-before = Esta persona ha sido invitada a esta sala hace poco. Puede volver a invitarla más tarde.
told-no-room = Esta invitación no indica ninguna sala. Escriba solo su dirección, por ejemplo room@conference.example.org.

# Sin encabezado.
told-declined = { $contact } ha rechazado su invitación a { $room }.
told-declined-because = { $contact } ha rechazado su invitación a { $room }: { $reason }

# El resultado de una invitación a varias personas: algunos de estos textos, separados por comas.
sum-invited = { $count ->
    [one] { $count } persona invitada
   *[other] { $count } personas invitadas
}
sum-before = { $count ->
    [one] { $count } invitada anteriormente
   *[other] { $count } invitadas anteriormente
}
sum-already = { $count ->
    [one] { $count } ya estaba allí
   *[other] { $count } ya estaban allí
}
sum-failed = { $count ->
    [one] { $count } no localizable
   *[other] { $count } no localizables
}
sum-elsewhere = de las personas invitadas, { $count } aún sin confirmar (en otros servidores)

# El componente y sus órdenes, como los muestran los clientes.
component-name = Retransmisor de invitaciones
command-list = Órdenes
command-settings = Mis preferencias
command-data = Lo que el retransmisor guarda sobre mí
command-forget = Olvidarme
command-statistics = Estadísticas
command-recent = Invitaciones recientes
command-block = Bloquear una sala, un servicio o a una persona para todos
command-reload = Leer la configuración de nuevo
command-invite = Invitar en nombre de alguien
command-groups = Grupos
command-group-create = Crear un grupo
command-group-add = Añadir a un grupo
command-group-remove = Quitar de un grupo
command-group-allow = Quién puede usar un grupo
command-group-delete = Eliminar un grupo
too-many-commands = Demasiadas órdenes: espere un rato.

# Lo que aparece encima de un formulario.
page-settings = De quién aceptar invitaciones y qué bloquear. Las direcciones que usted bloquea no pueden invitarle y no se les avisa.
page-forget = Elija lo que el retransmisor debe olvidar sobre usted.
page-block = Las direcciones bloqueadas no pueden invitar a nadie aquí y no se les avisa.
page-invite = Las invitaciones vienen de quien invita, que debe poder invitar a la sala.
page-group-create = Una invitación a NOMBRE@{ $component } llega a todas las personas del grupo.
page-group-entries = Direcciones de personas, o @NOMBRE para todas las de otro grupo.
page-group-allow = Para las demás personas el grupo no existe.
page-group-delete = Las invitaciones a este grupo ya no llegarán a nadie.

# Preferencias.
field-accept-from = Invitaciones a salas
accept-everybody = de cualquier persona
accept-contacts = solo de personas de mi lista de contactos
accept-nobody = ninguna
accept-server = a cargo de mi servidor cuando puede entregarlas, como si no hubiera retransmisor
field-block = Bloquear: direcciones de salas, servicios MUC o personas, separadas por espacios
field-lift = Dejar de bloquear
lift-nothing = nada
lift-everything = todo
field-blocked = Bloqueados
note-settings-saved = Sus preferencias se han guardado.
wrong-no-contact-list = El retransmisor no puede ver su lista de contactos.
wrong-block = No se puede bloquear: { $word } no es una dirección.
wrong-too-many-blocks = No se ha cambiado nada: no se pueden bloquear más de { $count } direcciones.

# Lo que el retransmisor guarda sobre alguien. { $state } es una palabra del historial.
note-data = Esto es lo que el retransmisor guarda sobre usted.
field-received = Invitaciones para mí, primero la más reciente
field-sent = Invitaciones mías, primero la más reciente
line-received = { $when } a { $room } de { $inviter }: { $state }
line-sent = { $when } a { $room } para { $contact }
field-forget = Olvidar
forget-invitations = las invitaciones que he recibido y enviado; mis preferencias se mantienen
forget-everything = también mis preferencias, de modo que me lleguen invitaciones de cualquier persona
field-forgotten = Olvidado
forgotten-invitations = { $count ->
    [one] { $count } invitación olvidada. Sus preferencias se mantienen como están.
   *[other] { $count } invitaciones olvidadas. Sus preferencias se mantienen como están.
}
forgotten-everything = { $count ->
    [one] { $count } invitación olvidada. Sus preferencias se han olvidado: le llegarán invitaciones de cualquier persona.
   *[other] { $count } invitaciones olvidadas. Sus preferencias se han olvidado: le llegarán invitaciones de cualquier persona.
}

# Para la administración.
field-total = Invitaciones de las últimas 24 horas que han terminado
field-ended = Qué ha sido de ellas
field-pending = Invitaciones en curso
field-people = Personas con preferencias propias
field-blocked-for-all = Bloqueados para todos
field-version = Versión del retransmisor
note-statistics = { $count ->
    [one] { $count } invitación en las últimas 24 horas.
   *[other] { $count } invitaciones en las últimas 24 horas.
}
field-invitations = Invitaciones, primero la más reciente
line-recent = { $id }: { $when } a { $room } de { $inviter } para { $contact }: { $state }
note-recent = Las invitaciones más recientes: { $count }.
note-blocked = Bloqueados para todos: { $count }.
note-blocked-own = Dominios de este mismo servidor: { $domains }. Ya no se transmiten invitaciones desde allí ni a sus salas.
note-reloaded = Claves cambiadas: { $count }. Claves que requieren un reinicio: { $waiting }.
note-wrong-configuration = La nueva configuración es errónea: el retransmisor sigue con la que tiene.
field-changed = En vigor desde ahora
field-restart = En vigor después de un reinicio
field-wrong = Lo que es erróneo

# Grupos.
field-group = Grupo
field-group-name = Nombre, como aparece antes de la @
field-group-entries = Direcciones, o @nombres, separados por espacios
field-group-may-use = Quién puede usarlo
field-group-users = Quién puede usarlo, si es para personas nombradas: direcciones separadas por espacios
may-use-everybody = quien pueda invitar a la sala
may-use-members = quienes forman parte de él
may-use-named = las personas nombradas abajo
field-group-now = El grupo es ahora
field-groups-kept = Mantenidos por la administración
field-groups-configured = En la configuración
line-group = { $name }, para { $may-use }: { $entries }
line-group-configured = { $name }: { $count } personas
note-group = { $command }: { $name }. Hecho.
note-groups = Grupos: { $count }.
wrong-entry = { $word } no es ni la dirección de una persona ni el @nombre de un grupo.
wrong-relay-address = { $word } es una dirección del retransmisor. Otro grupo se indica con @ y su nombre.
wrong-nobody = Indique a alguien.
wrong-group-name = { $name } no puede ser el nombre de un grupo. Un nombre se escribe en minúsculas y sin espacios.
wrong-group-members = No puede ser el nombre de un grupo: es la dirección de los miembros de una sala.
wrong-group-contact = No puede ser el nombre de un grupo: es la dirección de un solo contacto.
wrong-group-configured = Hay un grupo con ese nombre en la configuración.
wrong-not-in-group = No se ha cambiado nada: no está en el grupo: { $entries }.
wrong-group-user = No se ha cambiado nada: { $word } es un grupo. Solo se puede nombrar a personas para que lo usen.
wrong-group-exists = No se ha cambiado nada: ya hay un grupo con ese nombre.
wrong-group-unknown = No se ha cambiado nada: no hay ningún grupo con ese nombre.
wrong-too-many-groups = No se ha cambiado nada: no se pueden mantener más de { $count } grupos.
wrong-too-many-entries = No se ha cambiado nada: un grupo no puede tener más de { $count } entradas.
wrong-no-group = No se ha cambiado nada: no hay ningún grupo { $name }.
wrong-nesting = No se ha cambiado nada: los grupos se contendrían unos a otros, o estarían anidados a demasiada profundidad.

# Invitaciones de la administración, y lo que se opone a ellas.
field-invite-room = Sala
field-inviter = En nombre de quién: dirección de quien invita
field-invite-contacts = A quién: direcciones, o el @nombre de un grupo, o @members para los miembros de la sala
field-invite-reason = Motivo
field-invite-mode = Qué hacer
invite-send = invitar
invite-dry-run = solo mostrar qué sería de ello
note-invited = Invitaciones terminadas: { $count }. Aún en curso: { $waiting }.
note-rehearsed = No se ha invitado a nadie. Contactos examinados: { $count }. Aún sin respuesta: { $waiting }.
wrong-invite-address = No se invita a nadie: { $word } no es una dirección. Escriba una como bob@example.org.
wrong-invite-room = No se invita a nadie: { $room } no es una sala que atienda el retransmisor. Indique una en { $services } (muc.services).
wrong-invite-no-such-room = No se invita a nadie: la sala { $room } no existe.
wrong-inviter = No se invita a nadie: { $inviter } no tiene cuenta en este servidor. Indique a alguien en { $hosts }.
wrong-invite-contact = No se invita a nadie: { $contact } no es la dirección de una persona. Un grupo se indica con @ y su nombre.
wrong-invite-whom = No se invita a nadie: indique contactos, o un solo grupo, o los miembros de la sala.
wrong-invite-too-many = No se invita a nadie: no se puede invitar a más de { $count } a la vez. Invítelos en varias partes.
wrong-invite-group = No se invita a nadie: no hay ningún grupo { $name }, o nadie forma parte de él.
wrong-invite-may-not-use = No se invita a nadie: quien invita no puede usar el grupo { $name }. Permítaselo, o indique a otra persona.
wrong-invite-no-list = No se invita a nadie: la sala no dice al retransmisor quiénes son sus miembros. Indique como quien invita a un propietario de la sala. Que el retransmisor sea administrador del servicio MUC solo basta si el servidor contesta a sus preguntas.
wrong-invite-silent = No se invita a nadie: la sala no ha respondido. Inténtelo más tarde.
wrong-invite-not-connected = No se invita a nadie: el retransmisor no está conectado al servidor. Inténtelo cuando lo esté.
wrong-invite-busy = No se invita a nadie: ya se están ejecutando dos órdenes como esta. Inténtelo cuando termine una.
wrong-invite-journal = No se invita a nadie: no se pueden leer los grupos. El registro dice por qué.
