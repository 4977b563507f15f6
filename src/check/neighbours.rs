//! Whether a program of this machine is connected to the server's port for components. If it is a relay for the same
//! component, a second connection would take away its privileges (ejabberd) or its connection (Prosody). Reads the kernel's
//! tables, and connects to nothing. Knows nothing of XMPP.

use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::lookup_host;
use tokio::time::timeout;

use crate::config::Server;

/// For resolving the server's name.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(1);

/// Whether a program is connected. `false` if that can't be found out, as for programs of other machines.
pub async fn somebody_is_connected(server: &Server) -> bool {
    match server {
        Server::Unix(path) => {
            let path = path.to_string_lossy();
            table("unix").is_ok_and(|table| table.lines().any(|line| is_connected_unix(line, &path)))
        }
        Server::Tcp(address) => {
            let Ok(Ok(found)) = timeout(RESOLVE_TIMEOUT, lookup_host(address.as_str())).await else {
                return false;
            };
            let servers: Vec<SocketAddr> = found.map(canonical).collect();
            let tables = ["tcp", "tcp6"].map(|name| table(name).unwrap_or_default());
            tables
                .iter()
                .flat_map(|table| table.lines())
                .filter_map(connected_to)
                .any(|it| servers.contains(&it))
        }
    }
}

fn table(name: &str) -> io::Result<String> {
    fs::read_to_string(format!("/proc/self/net/{name}"))
}

/// The remote address of a connection that is open, or that was closed by the remote side only (proc(5)).
fn connected_to(line: &str) -> Option<SocketAddr> {
    let mut columns = line.split_ascii_whitespace().skip(2);
    let (address, state) = (columns.next()?, columns.next()?);
    if !matches!(state, "01" | "08") {
        return None;
    }
    let (ip, port) = address.split_once(':')?;
    // 32-bit words in this machine's byte order.
    let words: Vec<u8> = (0..ip.len() / 8)
        .filter_map(|at| u32::from_str_radix(ip.get(at * 8..at * 8 + 8)?, 16).ok())
        .flat_map(u32::to_ne_bytes)
        .collect();
    let ip: IpAddr = match (<[u8; 4]>::try_from(&*words), <[u8; 16]>::try_from(&*words)) {
        (Ok(four), _) => Ipv4Addr::from(four).into(),
        (_, Ok(sixteen)) => Ipv6Addr::from(sixteen).into(),
        _ => return None,
    };
    Some(canonical(SocketAddr::new(ip, u16::from_str_radix(port, 16).ok()?)))
}

fn canonical(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

/// Whether this is the server's end of a connection: it has the path of the listening socket.
fn is_connected_unix(line: &str, path: &str) -> bool {
    const CONNECTED: &str = "03";
    let mut columns = line.split_ascii_whitespace().skip(5);
    columns.next() == Some(CONNECTED) && columns.nth(1) == Some(path)
}

#[cfg(test)]
mod tests {
    use tokio::net::{TcpListener, UnixListener, UnixStream};

    use super::*;

    #[tokio::test]
    async fn a_connection_is_seen_while_it_lasts() {
        for ours in ["127.0.0.1:0", "[::1]:0"] {
            let Ok(listener) = TcpListener::bind(ours).await else { continue };
            let address = listener.local_addr().unwrap();
            let server = Server::Tcp(address.to_string());
            assert!(!somebody_is_connected(&server).await, "{ours}");
            let connection = tokio::net::TcpStream::connect(address).await.unwrap();
            assert!(somebody_is_connected(&server).await, "{ours}");
            drop(connection);
            assert!(!somebody_is_connected(&server).await, "{ours}");
        }
    }

    #[tokio::test]
    async fn so_it_is_on_a_unix_socket() {
        let directory = tempfile::TempDir::new().unwrap();
        let path = directory.path().join("component.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let server = Server::Unix(path.clone());
        assert!(!somebody_is_connected(&server).await);
        let connection = UnixStream::connect(&path).await.unwrap();
        let accepted = listener.accept().await.unwrap();
        assert!(somebody_is_connected(&server).await);
        drop((connection, accepted));
        assert!(!somebody_is_connected(&server).await);
    }

    #[test]
    fn lines_that_are_strange_are_left_alone() {
        for line in ["", "sl local rem st", "0: 1 zz:14E3 01", "0: 1 0100007F:zzzz 01", "0: 1 0100007F 01"] {
            assert_eq!(connected_to(line), None, "{line}");
        }
        let mapped = "0: 0 0000000000000000FFFF00000100007F:14E3 01";
        let plain = "0: 0 0100007F:14E3 08";
        let expected: SocketAddr = "127.0.0.1:5347".parse().unwrap();
        if cfg!(target_endian = "little") {
            assert_eq!((connected_to(mapped), connected_to(plain)), (Some(expected), Some(expected)));
        }
    }
}
