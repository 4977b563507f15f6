//! A TCP connection that acknowledges data at once. A server that sends several small segments waits for the
//! acknowledgement of the first (Nagle's algorithm, RFC 896), which the kernel delays by 40 ms if there is nothing to send
//! back; each request to a room would take that much longer. Linux only; elsewhere it is an ordinary connection.

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

/// Sends an acknowledgement that is due, and delays none until the kernel resets the option, which it does when something
/// is sent. So this is called after each read.
#[cfg(target_os = "linux")]
fn acknowledge(socket: &TcpStream) {
    // A failure only makes it slower.
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
