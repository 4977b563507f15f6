//! Orders by the control socket: to a relay that hangs, and such as are too long.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net::UnixStream;
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

const MAX_ORDER_BYTES: usize = 4 << 20;

/// Whoever gives it hears why, and before anything is sent.
#[tokio::test]
async fn an_order_that_is_too_long_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let socket = control::socket_of(&folder.path().join("journal.db"));
    let order = async |bytes: usize| {
        // Two quotation marks and a line break.
        let text = "x".repeat(bytes - 3);
        control::order(&socket, "order: first\n", &text, |_: String| Ok(())).await
    };
    // Nobody runs who could answer.
    let refused = order(MAX_ORDER_BYTES + 1).await.unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::ArgumentListTooLong);
    assert_eq!(refused.to_string(), "an order may have at most 4 MiB");
    assert!(matches!(order(MAX_ORDER_BYTES).await, Ok(Answered::Nobody { .. })));

    let health = || Health { alive: true, found: "well".to_owned() };
    let serving =
        tokio::spawn(control::serve(socket.clone(), || async { Vec::new() }, health, |_| async { Ok(()) }));
    while !socket.exists() {
        tokio::task::yield_now().await;
    }
    assert!(matches!(order(MAX_ORDER_BYTES).await, Ok(Answered::Yes(()))));
    // A command of another version, which writes all of it before it reads.
    let said = tokio::task::spawn_blocking({
        let socket = socket.clone();
        move || {
            let mut stream = UnixStream::connect(socket).unwrap();
            stream.write_all(b"order: first\n").unwrap();
            stream.write_all(&vec![b'x'; 2 * MAX_ORDER_BYTES]).unwrap();
            stream.write_all(b"\n").unwrap();
            let mut said = String::new();
            stream.read_to_string(&mut said).unwrap();
            said
        }
    });
    assert_eq!(said.await.unwrap(), "refused: an order may have at most 4 MiB\n");
    serving.abort();
}
