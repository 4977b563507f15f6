//! A TCP connection whose data is acknowledged at once. A server that has several small segments to send waits for the
//! acknowledgement of the first (Nagle's algorithm, RFC 896), and the kernel delays that by 40 ms where nothing is to be sent back
//! anyway: each question to the room would cost that. Linux only; elsewhere it is the bare connection.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use pin_project_lite::pin_project;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

pin_project! {
    #[derive(Debug)]
    pub(super) struct QuickAck {
        #[pin]
        socket: TcpStream,
    }
}

impl QuickAck {
    pub(super) fn new(socket: TcpStream) -> Self {
        acknowledge(&socket);
        Self { socket }
    }
}

/// Sends an acknowledgement that is due, and delays none of those to come until the kernel changes its mind, which it does
/// when something is sent: so this is called again and again.
#[cfg(target_os = "linux")]
fn acknowledge(socket: &TcpStream) {
    // Without it everything is only slower.
    let _ = rustix::net::sockopt::set_tcp_quickack(socket, true);
}

#[cfg(not(target_os = "linux"))]
fn acknowledge(_: &TcpStream) {}

impl AsyncRead for QuickAck {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let mut this = self.project();
        ready!(this.socket.as_mut().poll_read(cx, buf))?;
        acknowledge(&this.socket);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for QuickAck {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, data: &[u8]) -> Poll<io::Result<usize>> {
        self.project().socket.poll_write(cx, data)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.project().socket.poll_shutdown(cx)
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use rustix::net::sockopt::{set_tcp_quickack, tcp_quickack};
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;

    use super::*;

    #[tokio::test]
    async fn it_stays_so_whatever_the_kernel_thinks_of_it() {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (ours, peers) =
            tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        let (mut ours, mut peer) = (QuickAck::new(ours.unwrap()), peers.unwrap().0);
        let is_on = |ours: &QuickAck| tcp_quickack(&ours.socket).unwrap();
        assert!(is_on(&ours), "from the start");
        for _ in 0..3 {
            // What the kernel does by itself as soon as questions and answers take turns.
            set_tcp_quickack(&ours.socket, false).unwrap();
            assert!(!is_on(&ours));
            peer.write_all(b"answer").await.unwrap();
            ours.read_exact(&mut [0; 6]).await.unwrap();
            assert!(is_on(&ours), "after each read");
            ours.write_all(b"question").await.unwrap();
            peer.read_exact(&mut [0; 8]).await.unwrap();
        }
    }
}
