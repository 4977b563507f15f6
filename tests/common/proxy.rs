//! Stands between a program and a server of `PostgreSQL`, and ends a connection when the answer to COMMIT would pass.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

#[derive(Clone)]
pub struct Proxy {
    pub url: String,
    armed: Arc<AtomicBool>,
    /// Whether nobody is let in after an answer was lost.
    closes: Arc<AtomicBool>,
    lost: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn before(url: &str) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (before, behind) = url.rsplit_once('@').unwrap();
        let (address, database) = behind.split_once('/').unwrap();
        let own = listener.local_addr().unwrap();
        let proxy = Self {
            url: format!("{before}@{own}/{database}"),
            armed: Arc::default(),
            closes: Arc::default(),
            lost: Arc::default(),
        };
        let (server, serving) = (address.to_owned(), proxy.clone());
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                if serving.closes.load(Ordering::SeqCst) && serving.lost() > 0 {
                    continue;
                }
                let server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(serving.clone().pass(client, server));
            }
        });
        proxy
    }

    pub fn lose_next_commit(&self) {
        self.armed.store(true, Ordering::SeqCst);
    }

    /// As [`Self::lose_next_commit`], and nobody is let in afterwards.
    #[allow(dead_code, reason = "not all files of tests need it")]
    pub fn lose_next_commit_and_close(&self) {
        self.closes.store(true, Ordering::SeqCst);
        self.lose_next_commit();
    }

    pub fn lost(&self) -> usize {
        self.lost.load(Ordering::SeqCst)
    }

    async fn pass(self, client: TcpStream, server: TcpStream) {
        let (mut from_client, mut to_client) = client.into_split();
        let (mut from_server, mut to_server) = server.into_split();
        let asking = tokio::spawn(async move {
            let _ = tokio::io::copy(&mut from_client, &mut to_server).await;
        });
        let mut buffer = vec![0; 64 << 10];
        while let Ok(read @ 1..) = from_server.read(&mut buffer).await {
            let committed = buffer[..read].windows(7).any(|window| window == b"COMMIT\0");
            if committed && self.armed.swap(false, Ordering::SeqCst) {
                self.lost.fetch_add(1, Ordering::SeqCst);
                break;
            }
            if to_client.write_all(&buffer[..read]).await.is_err() {
                break;
            }
        }
        asking.abort();
    }
}
