//! The socket to the server. Knows nothing of what is sent through it.

use std::io;

use tokio::net::{TcpStream, UnixStream};
use tokio_util::either::Either;

use super::quick_ack::QuickAck;
use crate::config::Server;

/// A TCP or a Unix socket.
pub(super) type Socket = Either<QuickAck, UnixStream>;

/// Connects to the server's port or socket for components.
pub(super) async fn connect(server: &Server) -> io::Result<Socket> {
    match server {
        Server::Tcp(address) => {
            let socket = TcpStream::connect(address.as_str()).await?;
            // Batches are written as a whole; waiting for more would only delay the ping behind them.
            socket.set_nodelay(true)?;
            Ok(Either::Left(QuickAck::new(socket)))
        }
        Server::Unix(path) => Ok(Either::Right(UnixStream::connect(path).await?)),
    }
}
