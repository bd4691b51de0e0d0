//! How a hub stops.

use serde_json::Value;

use crate::server::Server;

#[test]
fn a_stopping_hub_says_when_to_come_back_and_ends_well() {
    let mut server = Server::in_memory();
    let mut clients: Vec<_> =
        (0..10).map(|number| server.connect(&format!("userId=u{number}"))).collect();
    clients.iter_mut().for_each(|client| client.expect_silence());
    server.signal("TERM");
    let mut times: Vec<u64> = clients
        .iter_mut()
        .map(|client| {
            let close = client.closed().expect("a close with a code");
            assert_eq!(u16::from(close.code), 1001);
            let reason: Value = serde_json::from_str(&close.reason).expect("JSON");
            reason["reconnectAfterMs"].as_u64().unwrap()
        })
        .collect();
    times.sort_unstable();
    assert_eq!(times, (0..10).map(|place| place * 1000).collect::<Vec<_>>());
    drop(clients);
    assert_eq!(server.wait(), Some(0));
}

#[test]
fn a_second_signal_ends_the_hub_at_once() {
    let mut server = Server::in_memory();
    // A client that never answers the close would otherwise hold the end up.
    let mut client = server.connect("userId=ana");
    client.expect_silence();
    server.signal("INT");
    server.wait_for_log("stopping");
    server.signal("INT");
    assert!(matches!(server.wait(), Some(130 | 0)));
}
