//! The users who may be drawn for a call, and the drawing.

use std::collections::HashMap;

use serde::Serialize;

use super::reply::Asked;
use super::rng::Rng;
use super::{Audience, Effect, Fact, Hub, Now, SessionId};
use crate::protocol::{FrameKind, Outgoing, UserId, system};

/// Users in no order, each with the session that made it available.
///
/// A list to draw from and an index into it, so that every step costs the same however many wait.
#[derive(Debug, Default)]
pub(super) struct Pool {
    waiting: Vec<(UserId, SessionId)>,
    places: HashMap<UserId, usize>,
}

impl Pool {
    pub(super) fn len(&self) -> usize {
        self.waiting.len()
    }

    pub(super) fn users(&self) -> impl Iterator<Item = UserId> {
        self.waiting.iter().map(|(user, _)| user.clone())
    }

    /// Whether the user was not there before. The newest session answers for the user.
    fn insert(&mut self, user: UserId, session: SessionId) -> bool {
        if let Some(place) = self.places.get(&user) {
            self.waiting[*place].1 = session;
            return false;
        }
        self.places.insert(user.clone(), self.waiting.len());
        self.waiting.push((user, session));
        true
    }

    fn session_of(&self, user: &UserId) -> Option<SessionId> {
        self.places.get(user).map(|place| self.waiting[*place].1)
    }

    fn remove(&mut self, user: &UserId) -> Option<SessionId> {
        let place = self.places.remove(user)?;
        let (_, session) = self.waiting.swap_remove(place);
        if let Some((moved, _)) = self.waiting.get(place) {
            self.places.insert(moved.clone(), place);
        }
        Some(session)
    }

    /// Draws a user other than `excluded`, every one as likely as the others.
    fn draw(&self, rng: &mut Rng, excluded: [Option<&UserId>; 2]) -> Option<UserId> {
        let mut places = excluded.map(|user| user.and_then(|user| self.places.get(user)).copied());
        if places[0] == places[1] {
            places[1] = None;
        }
        places.sort_unstable();
        let skipped = places.iter().flatten().count();
        let free = self.waiting.len() - skipped;
        if free == 0 {
            return None;
        }
        // Draw among the free ones, then step over the excluded, lowest place first.
        let mut place = rng.below(free);
        for excluded in places.into_iter().flatten() {
            if place >= excluded {
                place += 1;
            }
        }
        Some(self.waiting[place].0.clone())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct AssignRole<'a> {
    role: &'static str,
    peer_id: &'a UserId,
}

#[derive(Serialize)]
struct Availability {
    status: &'static str,
}

#[derive(Serialize)]
struct NoPeer {
    message: &'static str,
}

impl Hub {
    pub(super) fn set_available(&mut self, asked: &Asked, available: bool, out: &mut Vec<Effect>) {
        let user = self.sessions[&asked.session].user.clone();
        let status = if available {
            if self.pool.insert(user.clone(), asked.session) {
                out.push(Effect::Tell(Fact::Available { user }));
            }
            "available"
        } else {
            self.withdraw(&user, out);
            "unavailable"
        };
        if self.is_v2(asked.session) {
            self.reply(asked, FrameKind::Availability, None, Availability { status }, out);
        }
    }

    pub(super) fn random_peer(
        &mut self,
        asked: &Asked,
        except: Option<&UserId>,
        out: &mut Vec<Effect>,
    ) {
        let user = self.sessions[&asked.session].user.clone();
        let Some(peer) = self.pool.draw(&mut self.rng, [Some(&user), except]) else {
            let payload = NoPeer { message: "nobody is available now" };
            return self.reply(asked, FrameKind::NoPeerAvailable, None, payload, out);
        };
        // Both leave before anybody is told: a matched user must not be drawn again.
        self.withdraw(&user, out);
        let peer_session = self.withdraw(&peer, out).expect("drawn from the pool");
        assign(asked.now, asked.session, &user, "impolite", &peer, out);
        assign(asked.now, peer_session, &peer, "polite", &user, out);
    }

    /// Takes the user out if this session put it in.
    pub(super) fn leave_pool(&mut self, session: SessionId, out: &mut Vec<Effect>) {
        let Some(user) = self.sessions.get(&session).map(|live| live.user.clone()) else { return };
        if self.pool.session_of(&user) == Some(session) {
            self.withdraw(&user, out);
        }
    }

    fn withdraw(&mut self, user: &UserId, out: &mut Vec<Effect>) -> Option<SessionId> {
        let session = self.pool.remove(user)?;
        out.push(Effect::Tell(Fact::Unavailable { user: user.clone() }));
        Some(session)
    }
}

fn assign(
    now: Now,
    session: SessionId,
    user: &UserId,
    role: &'static str,
    peer_id: &UserId,
    out: &mut Vec<Effect>,
) {
    let payload = AssignRole { role, peer_id };
    let frame =
        Outgoing { to_user: Some(user), ..system(FrameKind::AssignRole, now.wall, payload) };
    out.push(Effect::Send { to: Audience::One(session), frame: frame.encode() });
}
