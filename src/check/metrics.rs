//! Whether metrics are served where the configuration says. Knows nothing of what they count.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{Instant, timeout_at};

use super::finding::{Finding, What};
use crate::config::Config;

/// For the answer, which the relay gives at once even if it is busy.
const METRICS_TIMEOUT: Duration = Duration::from_secs(5);

/// Longer than the relay's answer.
const MAX_ANSWER_BYTES: u64 = 4096;

const PORT_IN_USE_REMEDY: &str = "see which program has the port (ss -ltnp), and stop it; or choose another port for metrics.listen \
                     and restart the relay";

/// If a relay `runs`, asks it for `/healthz`; else tries whether the address can be used. `None`: no address is configured.
/// The relay must have answered by `deadline`.
pub async fn metrics(config: &Config, runs: bool, deadline: Instant) -> Option<Finding> {
    let address = config.metrics.listen?;
    let finding = Finding::of(What::Metrics, address.to_string());
    if !runs {
        return Some(match TcpListener::bind(address).await {
            Ok(_) => finding.ok("nobody listens there yet"),
            Err(e) => finding.failed(format!("can't be used: {e}"), PORT_IN_USE_REMEDY),
        });
    }
    let deadline = deadline.min(Instant::now() + METRICS_TIMEOUT);
    let answer =
        timeout_at(deadline, ask(address)).await.unwrap_or_else(|_| Err(io::ErrorKind::TimedOut.into()));
    Some(match answer {
        Ok(answer) if is_ours(&answer) => finding.ok("answers"),
        Ok(_) => finding.failed("somebody else answers there", PORT_IN_USE_REMEDY),
        Err(e) => finding.failed(
            format!("does not answer: {e}"),
            "the relay listens there after a restart; if it has had one, its log says why it can't",
        ),
    })
}

async fn ask(address: SocketAddr) -> io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    let question = format!("GET /healthz HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
    stream.write_all(question.as_bytes()).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER_BYTES).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}

/// Whether the relay answered. Another program may answer 200 as well, so the body counts.
fn is_ours(answer: &str) -> bool {
    answer.starts_with("HTTP/1.1 200 ") && answer.ends_with("\r\n\r\nalive\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn another_programs_answer_is_not_ours() {
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/plain; charset=utf-8\r\n\r\n";
        for (answer, ours) in [
            (format!("{head}alive\n"), true),
            (format!("{head}Prometheus Server is Healthy.\n"), false),
            (head.replace("200 OK", "503 Service Unavailable") + "alive\n", false),
            (String::new(), false),
        ] {
            assert_eq!(is_ours(&answer), ours, "{answer}");
        }
    }
}
