//! Connects: the socket, the stream header, the handshake (XEP-0114 §3). Every failure says what to do. Knows nothing of
//! what follows.

use std::io;
use std::time::Duration;

use futures::{SinkExt, StreamExt};
use secrecy::ExposeSecret;
use tokio::time::timeout;
use tokio_xmpp::xmlstream::{ReadError, StreamHeader, Timeouts, XmlStream, initiate_stream};
use xmpp_parsers::component::Handshake;

use super::peer::{Peer, peer};
use super::recorder::Recorder;
use super::settings::Settings;
use super::socket::{Socket, connect};
use super::spellings::Spellings;
use super::stream;
use crate::config::Server;
use crate::wire::{Stanza, StreamError, ns};

/// How long the TCP connection and the handshake may take, each.
const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(20);

/// How long a node of a cluster may take for the handshake. While another node hangs it answers only once that counts as down,
/// after `net_ticktime`: 60 s if nothing else is set, 75 s at most. If an attempt is given up before, the node takes the
/// component in then all the same, sees that the connection has ended, and takes back the privileges of a later one.
const CLUSTER_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(100);

/// An open stream to a server.
pub(super) type Stream = stream::Stream<Socket>;

/// The server refused the component.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Refused {
    /// `not-authorized`: the secret, or (ejabberd) the domain.
    #[error(
        "the server refused the handshake (not-authorized): component.secret is not the one that the server has for \
         {component:?}. Prosody: component_secret of Component \"{component}\"; ejabberd: the password under \
         listen, hosts, {component:?}, which must be listed there"
    )]
    Secret {
        /// The component's domain.
        component: String,
    },
    /// `host-unknown`: no such component is configured.
    #[error(
        "the server knows no component {component:?} (host-unknown). Add Component \"{component}\" to its \
         configuration and reload it, or correct component.jid"
    )]
    UnknownHost {
        /// The component's domain.
        component: String,
    },
    /// `conflict`: the component is connected already.
    #[error(
        "the server says that {component:?} is connected already (conflict): another relay runs, or the server has \
         not noticed yet that an old connection is dead. Stop the other one; on Prosody \
         component_conflict_resolve = \"kick_old\" lets the new one in"
    )]
    Conflict {
        /// The component's domain.
        component: String,
    },
    /// Any other stream error.
    #[error("the server closed the stream while we connected: {error}")]
    Other {
        /// The server's error.
        error: StreamError,
    },
}

impl Refused {
    /// Whether only a change of the configuration can help.
    pub(super) fn is_final(&self) -> bool {
        matches!(self, Self::Secret { .. } | Self::UnknownHost { .. })
    }
}

/// Why there is no connection.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error("{0}")]
    Refused(Refused),
    #[error(
        "{server} can't be reached: {source}. Is the server running, and does it listen for components there \
         (component.server)?"
    )]
    Unreachable { server: String, source: io::Error },
    #[error("{server} does not speak XEP-0114 with us: {what}. Is component.server the port for components?")]
    Strange { server: String, what: String },
}

/// Opens a stream. If the server does not speak XEP-0114, finds out what it is instead. `of_a_cluster`: it is one of several
/// nodes, which wait for each other.
pub(super) async fn connect_and_shake_hands(
    server: &Server,
    settings: &Settings,
    spellings: &Spellings,
    of_a_cluster: bool,
) -> Result<Stream, Failure> {
    let patience = if of_a_cluster { CLUSTER_HANDSHAKE_TIMEOUT } else { HANDSHAKE_TIMEOUT };
    let attempt = Attempt { server, settings, patience };
    let result = attempt.in_either_spelling(spellings).await;
    let strange = matches!(
        result,
        Err(Failure::Strange { .. } | Failure::Refused(Refused::UnknownHost { .. } | Refused::Other { .. }))
    );
    if strange && let Peer::Other(what) = peer(server, &settings.component).await {
        // A port for clients refuses the component's domain as well.
        return Err(Failure::Strange { server: server.to_string(), what: what.into() });
    }
    result
}

/// An attempt to connect.
struct Attempt<'a> {
    server: &'a Server,
    settings: &'a Settings,
    /// How long the handshake may take.
    patience: Duration,
}

impl Attempt<'_> {
    /// Connects under the component's domain as it is spelled; if the server does not know it, in its other spelling.
    async fn in_either_spelling(&self, spellings: &Spellings) -> Result<Stream, Failure> {
        let written = spellings.component();
        match self.connect_as(&written).await {
            Err(Failure::Refused(refused)) if refused.is_final() => {
                let Some(other) = spellings.other_of_component() else {
                    return Err(Failure::Refused(refused));
                };
                match self.connect_as(&other).await {
                    Ok(stream) => {
                        spellings.component_is(&other);
                        Ok(stream)
                    }
                    Err(_) => Err(Failure::Refused(refused)),
                }
            }
            result => result,
        }
    }

    async fn connect_as(&self, component: &str) -> Result<Stream, Failure> {
        let server = self.server.to_string();
        let unreachable = |source| Failure::Unreachable { server: server.clone(), source };
        let socket = timeout(HANDSHAKE_TIMEOUT, connect(self.server))
            .await
            .map_err(|_| unreachable(too_slow()))?
            .map_err(unreachable)?;
        match timeout(self.patience, shake_hands(self.settings, component, &server, socket)).await {
            Ok(result) => result,
            Err(_) => Err(Failure::Strange { server, what: "no answer to the handshake".into() }),
        }
    }
}

fn too_slow() -> io::Error {
    io::Error::from(io::ErrorKind::TimedOut)
}

async fn shake_hands(
    settings: &Settings,
    component: &str,
    server: &str,
    socket: Socket,
) -> Result<Stream, Failure> {
    let strange = |what: String| Failure::Strange { server: server.to_owned(), what };
    let io = Recorder::new(socket);
    let header = StreamHeader { to: Some(component.into()), ..StreamHeader::default() };
    let mut opened = initiate_stream(io, ns::COMPONENT, header, Timeouts::default())
        .await
        .map_err(|e| strange(e.to_string()))?;
    let id = opened.take_header().id;
    let mut stream: XmlStream<_, Stanza> = opened.skip_features();
    // A header without an id is followed by a stream error.
    if let Some(id) = id {
        let handshake =
            Handshake::from_stream_id_and_password(id.into_owned(), settings.secret.expose_secret());
        stream.send(&handshake).await.map_err(|e| strange(e.to_string()))?;
    }
    match stream.next().await {
        Some(Ok(Stanza::Handshake)) => {
            let (socket, read) = stream.into_inner().into_parts();
            Ok(Stream::new(socket, &read))
        }
        Some(Ok(Stanza::StreamError(error))) => Err(Failure::Refused(refused(component, error))),
        Some(Ok(_)) => Err(strange("a stanza before the handshake".into())),
        Some(Err(ReadError::StreamFooterReceived)) | None => Err(strange("it closed the stream".into())),
        Some(Err(e)) => Err(strange(e.to_string())),
    }
}

fn refused(component: &str, error: StreamError) -> Refused {
    let component = component.to_owned();
    match error.condition() {
        "not-authorized" => Refused::Secret { component },
        "host-unknown" => Refused::UnknownHost { component },
        "conflict" => Refused::Conflict { component },
        _ => Refused::Other { error },
    }
}
