//! The control socket while there are no open files left, and of a relay that hangs. In a process of its own, because the limit
//! on open files is that of the process.

use std::sync::mpsc;
use std::thread;

use muc_invite_relay::daemon::control::{self, Answered, Health};
use muc_invite_relay::daemon::order::Order;
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

/// The relay's only thread hangs where it takes connections, as all of a process does that is stopped.
#[test]
fn what_somebody_has_given_up_is_not_carried_out_later() {
    let folder = tempfile::tempdir().unwrap();
    let socket = control::socket_of(&folder.path().join("journal.db"));
    let (goes_on, hangs) = mpsc::channel::<()>();
    let (carried_out, seen) = mpsc::channel();
    thread::spawn({
        let socket = socket.clone();
        move || {
            let health = move || {
                // It fails when the relay is to go on.
                let _ = hangs.recv();
                Health { alive: true, found: "well".to_owned() }
            };
            let orders = move |order: Order| {
                let _ = carried_out.send(order.word);
                async { Ok(()) }
            };
            let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
            runtime.block_on(control::serve(socket, || async { Vec::new() }, health, orders));
        }
    });
    while !socket.exists() {
        thread::yield_now();
    }
    let order = |word: &str, paused| {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(paused).build().unwrap();
        let began = std::time::Instant::now();
        let answered = runtime.block_on(control::order(&socket, word, &"text", |_: String| Ok(())));
        assert!(began.elapsed() < std::time::Duration::from_secs(10));
        answered.unwrap()
    };
    assert!(matches!(order("order: first\n", true), Answered::Hangs(_)));

    drop(goes_on);
    assert!(matches!(order("order: second\n", false), Answered::Yes(())));
    assert_eq!(seen.try_iter().collect::<Vec<_>>(), ["order: second\n"]);
}
