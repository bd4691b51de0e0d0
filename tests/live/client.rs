//! A plain WebSocket client that knows nothing of the hub.

use std::net::{SocketAddr, TcpStream};

use serde_json::Value;
use tungstenite::protocol::CloseFrame;
use tungstenite::{Error, Message, WebSocket};

use crate::server::PATIENCE;

pub struct Client {
    pub socket: WebSocket<TcpStream>,
}

impl Client {
    pub fn connect(address: SocketAddr, query: &str) -> Self {
        let stream = TcpStream::connect(address).expect("the hub listens");
        stream.set_nodelay(true).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let url = format!("ws://{address}/ws?{query}");
        let (socket, _) = tungstenite::client(url, stream).expect("the hub takes the client");
        Self { socket }
    }

    pub fn send(&mut self, frame: &Value) {
        self.say(&frame.to_string());
    }

    pub fn say(&mut self, text: &str) {
        self.socket.send(Message::text(text)).expect("the hub takes a frame");
    }

    pub fn chat(&mut self, room: &str, id: &str) {
        self.send(&serde_json::json!({
            "type": "chat_message", "room": room, "messageId": id, "payload": {"content": id},
        }));
    }

    /// The next frame, as text.
    pub fn text(&mut self) -> String {
        loop {
            match self.socket.read().expect("a frame in time") {
                Message::Text(text) => return text.to_string(),
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }

    pub fn next(&mut self) -> Value {
        serde_json::from_str(&self.text()).expect("frames are JSON")
    }

    /// The next frame, which must be of this type.
    #[track_caller]
    pub fn expect(&mut self, kind: &str) -> Value {
        let frame = self.next();
        assert_eq!(frame["type"], kind, "{frame}");
        frame
    }

    /// The next frame of this type; others pass.
    pub fn wait_for(&mut self, kind: &str) -> Value {
        loop {
            let frame = self.next();
            if frame["type"] == kind {
                return frame;
            }
        }
    }

    /// Fails when anything is waiting: an answer to a question asked now must be the next frame.
    #[track_caller]
    pub fn expect_silence(&mut self) {
        self.say(r#"{"type":"get_rooms"}"#);
        self.expect("rooms_list");
    }

    /// Reads until the server closes, and returns what it said.
    pub fn closed(&mut self) -> Option<CloseFrame> {
        loop {
            match self.socket.read() {
                Ok(Message::Close(frame)) => return frame,
                Ok(_) => {}
                Err(Error::ConnectionClosed | Error::AlreadyClosed) => return None,
                Err(error) => panic!("no close: {error}"),
            }
        }
    }
}
