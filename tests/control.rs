//! The control socket while there are no open files left. In a process of its own, because the limit on open files is that of
//! the process: a second test in this file would have none either.

use muc_invite_relay::daemon::control::{self, Answered, Health};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use tokio::task::yield_now;

#[tokio::test]
async fn it_outlives_a_shortage_of_open_files() {
    let folder = tempfile::tempdir().unwrap();
    let socket = control::socket_of(&folder.path().join("journal.db"));
    let health = || Health { alive: true, found: "well".to_owned() };
    let orders = |_| async { Ok(()) };
    let serving = tokio::spawn(control::serve(socket.clone(), || async { Vec::new() }, health, orders));
    while std::os::unix::net::UnixStream::connect(&socket).is_err() {
        yield_now().await;
    }
    // No connection is accepted before this task waits for something.
    let waiting = std::os::unix::net::UnixStream::connect(&socket).unwrap();
    let plenty = getrlimit(Resource::Nofile);
    setrlimit(Resource::Nofile, Rlimit { current: Some(3), ..plenty }).unwrap();
    for _ in 0..100 {
        yield_now().await;
    }
    assert!(!serving.is_finished(), "closed for good");
    setrlimit(Resource::Nofile, plenty).unwrap();

    assert!(matches!(control::health(&socket).await.unwrap(), Answered::Yes(Health { alive: true, .. })));
    drop(waiting);
}
