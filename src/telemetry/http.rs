//! A small HTTP server for read-only pages. Knows nothing of what they show.

use std::convert::Infallible;
use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};
use tracing::{debug, error, info};

/// The most connections at the same time; further ones wait.
const MAX_CONNECTIONS: usize = 32;
/// For the head of a request.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);
/// A connection is closed, between two requests, after this time.
const MAX_CONNECTION_AGE: Duration = Duration::from_secs(60);
/// The pause before an address that can't be used is tried again.
const LISTEN_RETRY_PAUSE: Duration = Duration::from_secs(5);

/// A request.
#[derive(Debug)]
pub struct Question {
    /// The path, which begins with a slash.
    pub path: String,
    /// The media types that the client accepts, as its header says; empty without a header.
    pub accept: String,
}

/// The answer to a request.
#[derive(Debug)]
pub struct Answer {
    /// The status is 200 if this is true, else 503.
    pub well: bool,
    /// The media type.
    pub kind: &'static str,
    /// What the page may load and do (Content-Security-Policy), beside the directives that forbid everything.
    pub policy: String,
    /// The text.
    pub body: String,
}

impl Answer {
    /// A plain text.
    #[must_use]
    pub fn text(well: bool, body: String) -> Self {
        Self { well, kind: "text/plain; charset=utf-8", policy: String::new(), body }
    }
}

/// Serves until dropped. Where the address can't be used, tries again until it can. `answer`: the answer to a request, `None`
/// for a path that does not exist.
pub async fn serve<F>(address: SocketAddr, answer: impl Fn(Question) -> F + Clone + Send + 'static)
where
    F: Future<Output = Option<Answer>> + Send + 'static,
{
    let listener = listen(address).await;
    let mut connections = JoinSet::new();
    loop {
        tokio::select! {
            _ = connections.join_next(), if !connections.is_empty() => {}
            accepted = listener.accept(), if connections.len() < MAX_CONNECTIONS => match accepted {
                Ok((stream, _)) => drop(connections.spawn(connection(stream, answer.clone()))),
                Err(e) => {
                    // For instance, there are too many open files.
                    debug!("a monitoring connection could not be taken: {e}");
                    sleep(Duration::from_secs(1)).await;
                }
            },
        }
    }
}

/// Listens. An error is logged once, and does not stop the relay.
async fn listen(address: SocketAddr) -> TcpListener {
    let mut logged = false;
    loop {
        match TcpListener::bind(address).await {
            Ok(listener) => {
                info!(
                    "metrics are served at http://{}/metrics, a page for people at /",
                    actual_address(&listener, address)
                );
                return listener;
            }
            Err(e) if !logged => {
                logged = true;
                error!(
                    "metrics.listen = \"{address}\" can't be used: {e}. {}. Relaying goes on without metrics, and this is \
                     tried again",
                    remedy(&e),
                );
            }
            Err(_) => {}
        }
        sleep(LISTEN_RETRY_PAUSE).await;
    }
}

/// The address with the port that the system chose, if port 0 was asked for.
fn actual_address(listener: &TcpListener, address: SocketAddr) -> SocketAddr {
    listener.local_addr().unwrap_or(address)
}

fn remedy(error: &io::Error) -> &'static str {
    match error.kind() {
        io::ErrorKind::AddrInUse => "Another program has this port: stop it, or choose another port",
        io::ErrorKind::AddrNotAvailable => "This machine does not have that address: choose one that it has",
        io::ErrorKind::PermissionDenied => "Ports below 1024 are root's: choose a higher one",
        _ => "Choose another address or port",
    }
}

async fn connection<F>(stream: TcpStream, answer: impl Fn(Question) -> F + Clone)
where
    F: Future<Output = Option<Answer>>,
{
    let service = service_fn(move |request| {
        let answer = answer.clone();
        async move { Ok::<_, Infallible>(respond(&request, answer).await) }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(REQUEST_TIMEOUT)
        .max_buf_size(16 * 1024)
        .serve_connection(TokioIo::new(stream), service);
    tokio::pin!(connection);
    let done = tokio::select! {
        done = &mut connection => done,
        () = sleep(MAX_CONNECTION_AGE) => {
            connection.as_mut().graceful_shutdown();
            timeout(REQUEST_TIMEOUT, connection).await.unwrap_or(Ok(()))
        }
    };
    if let Err(e) = done {
        debug!("a monitoring connection: {e}");
    }
}

async fn respond<F: Future<Output = Option<Answer>>>(
    request: &Request<Incoming>,
    answer: impl Fn(Question) -> F,
) -> Response<Full<Bytes>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = plain(StatusCode::METHOD_NOT_ALLOWED, "Only GET and HEAD are allowed.\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    let accept =
        request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let question = Question { path: request.uri().path().to_owned(), accept: accept.to_owned() };
    match answer(question).await {
        Some(answer) => {
            let status = if answer.well { StatusCode::OK } else { StatusCode::SERVICE_UNAVAILABLE };
            response(status, answer)
        }
        None => plain(StatusCode::NOT_FOUND, "Not found. There are /, /metrics, /healthz and /readyz.\n"),
    }
}

fn plain(status: StatusCode, text: &str) -> Response<Full<Bytes>> {
    response(status, Answer::text(false, text.to_owned()))
}

fn response(status: StatusCode, answer: Answer) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(Bytes::from(answer.body)));
    *response.status_mut() = status;
    let policy = format!(
        "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; {}",
        answer.policy
    );
    let fixed: [(HeaderName, &'static str); 4] = [
        (header::CONTENT_TYPE, answer.kind),
        (header::CACHE_CONTROL, "no-store"),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
    ];
    let headers = response.headers_mut();
    headers.extend(fixed.map(|(name, value)| (name, HeaderValue::from_static(value))));
    // The policy is our own constant; a header that can't be made of it is left out.
    headers.extend(HeaderValue::try_from(policy).ok().map(|value| (header::CONTENT_SECURITY_POLICY, value)));
    response
}
