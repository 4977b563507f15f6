//! Orders by the control socket to a relay that hangs.

use std::sync::mpsc;
use std::thread;

use muc_invite_relay::daemon::control::{self, Answered, Health};
use muc_invite_relay::daemon::order::Order;

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
