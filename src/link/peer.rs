//! Finds out what listens at `component.server` if it is not a port for components, by its first bytes. Makes no handshake,
//! so no component is connected by this.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::time::{Instant, timeout_at};

use super::socket;
use crate::config::Server;

/// How long [`peer`] takes at most. Servers answer a stream header at once.
pub const PEER_TIMEOUT: Duration = Duration::from_millis(1500);

/// How many bytes are read. A stream header with an error behind it is shorter.
const MAX_PEER_BYTES: u64 = 2048;

/// What listens where the server should.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Peer {
    /// No connection came about in time, or it was refused.
    Unreachable,
    /// It speaks to components.
    Components,
    /// It is something else; a clause that says what.
    Other(&'static str),
}

/// Connects, and looks at the first bytes; within [`PEER_TIMEOUT`].
pub async fn peer(server: &Server, component: &str) -> Peer {
    let deadline = Instant::now() + PEER_TIMEOUT;
    let Ok(Ok(mut socket)) = timeout_at(deadline, socket::connect(server)).await else {
        return Peer::Unreachable;
    };
    // A domain of the configuration has no character that would have to be escaped.
    let header = format!(
        "<?xml version='1.0'?><stream:stream xmlns='jabber:component:accept' \
         xmlns:stream='http://etherx.jabber.org/streams' to='{component}'>"
    );
    let mut said = Vec::new();
    let closed = timeout_at(deadline, async {
        socket.write_all(header.as_bytes()).await?;
        let mut socket = socket.take(MAX_PEER_BYTES);
        while socket.read_buf(&mut said).await? > 0 {
            if recognised(&said).is_some() {
                break;
            }
        }
        Ok::<_, std::io::Error>(())
    })
    .await
    .is_ok();
    if takes_components(&said) {
        return Peer::Components;
    }
    Peer::Other(recognised(&said).unwrap_or(match (said.is_empty(), closed) {
        (true, false) => "it takes the connection and says nothing",
        (true, true) => "it closes the connection without a word, as ports do that want TLS",
        (false, _) => "what answers there speaks no XMPP",
    }))
}

fn takes_components(said: &[u8]) -> bool {
    contains(said, b"jabber:component:accept")
}

fn recognised(said: &[u8]) -> Option<&'static str> {
    const TLS_ALERT: &[u8] = &[0x15, 0x03];
    if takes_components(said) {
        None
    } else if contains(said, b"jabber:client") {
        Some("it is a server's port for clients")
    } else if contains(said, b"jabber:server") {
        Some("it is a server's port for other servers")
    } else if said.starts_with(b"HTTP/") {
        Some("a web server answers there (HTTP)")
    } else if said.starts_with(b"SSH-") {
        Some("an SSH server answers there")
    } else if said.starts_with(TLS_ALERT) {
        Some("it wants TLS, and components connect without")
    } else if said.starts_with(b"220 ") || said.starts_with(b"220-") {
        Some("a mail or FTP server answers there")
    } else {
        None
    }
}

fn contains(text: &[u8], part: &[u8]) -> bool {
    text.windows(part.len()).any(|window| window == part)
}

#[cfg(test)]
mod tests {
    use tokio::net::TcpListener;

    use super::*;

    /// What is found where somebody says this and closes; `None` keeps silent.
    async fn found(says: Option<&'static str>) -> Peer {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::Tcp(listener.local_addr().unwrap().to_string());
        tokio::spawn(async move {
            let (mut socket, _) = listener.accept().await.unwrap();
            let Some(says) = says else {
                std::future::pending::<()>().await;
                return;
            };
            socket.write_all(says.as_bytes()).await.unwrap();
            socket.shutdown().await.unwrap();
            // Until the other side closes, so that nothing unread resets the connection.
            let _ = socket.read_to_end(&mut Vec::new()).await;
        });
        peer(&server, "invites.example.org").await
    }

    #[tokio::test]
    async fn the_first_words_tell() {
        let stream = |namespace: &str| -> &'static str {
            format!("<?xml version='1.0'?><stream:stream xmlns='{namespace}' id='1'>").leak()
        };
        for (says, expected) in [
            (stream("jabber:client"), "clients"),
            (stream("jabber:server"), "other servers"),
            ("HTTP/1.1 400 Bad Request\r\n\r\n", "HTTP"),
            ("SSH-2.0-OpenSSH_9.2\r\n", "SSH"),
            ("\u{15}\u{3}\u{1}\0\u{2}\u{2}\u{16}", "TLS"),
            ("220 mail.example.org ESMTP\r\n", "mail"),
            ("-ERR unknown command\r\n", "no XMPP"),
            ("", "without a word"),
        ] {
            let found = found(Some(says)).await;
            assert!(matches!(found, Peer::Other(found) if found.contains(expected)), "{says}: {found:?}");
        }
        assert_eq!(found(Some(stream("jabber:component:accept"))).await, Peer::Components);
        assert_eq!(found(None).await, Peer::Other("it takes the connection and says nothing"));
    }

    #[tokio::test]
    async fn where_nobody_listens_nobody_says_anything() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let server = Server::Tcp(listener.local_addr().unwrap().to_string());
        drop(listener);
        assert_eq!(peer(&server, "invites.example.org").await, Peer::Unreachable);
    }
}
