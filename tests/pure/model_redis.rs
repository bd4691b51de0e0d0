//! A Redis that can be well, frozen, down, slow or read-only, with the ordered lane in front of it.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use aleatoria::hub::{Append, Conversation, History, Now};
use aleatoria::protocol::{MessageId, Position};
use aleatoria::store::{Answer, Command, Fault, Probe, Ticket};

const COMMAND_TIMEOUT: Duration = Duration::from_secs(3);
/// How long each command takes a slow server.
pub const SLOW: Duration = Duration::from_millis(400);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    Well,
    /// Takes commands and answers nothing until it thaws, then carries out what it took.
    Frozen,
    /// Refuses at once.
    Down,
    /// Carries out each command [`SLOW`] after it was sent.
    Slow,
    /// Answers reads and refuses writes.
    ReadOnly,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    pub id: MessageId,
    pub position: Position,
    /// The time that its text says.
    pub told: Position,
}

#[derive(Default)]
pub struct Conversations(pub HashMap<Conversation, Vec<Kept>>);

impl Conversations {
    fn append(
        &mut self,
        now: Now,
        append: &Append,
        at: Option<Position>,
    ) -> (Position, Position, bool) {
        let kept = self.0.entry(append.conversation.clone()).or_default();
        if let Some(old) = kept.iter_mut().find(|kept| kept.id == append.message_id) {
            old.told = at.unwrap_or(old.told);
            return (old.position, Position(0), true);
        }
        let last = kept.last().map(|kept| kept.position).unwrap_or_default();
        let position = last.next(at.unwrap_or(now.wall));
        let id = append.message_id.clone();
        kept.push(Kept { id, position, told: at.unwrap_or(position) });
        (position, last, false)
    }
}

pub struct ModelRedis {
    pub mode: Mode,
    pub data: Conversations,
    pub told: usize,
    /// The most bytes of messages that waited at once.
    pub most_bytes: usize,
    latched: bool,
    marked: bool,
    waiting: VecDeque<(Duration, Command)>,
    /// Taken while frozen, not yet carried out; their sender has given up on some.
    taken: VecDeque<Command>,
}

impl ModelRedis {
    pub fn new() -> Self {
        Self {
            mode: Mode::Well,
            data: Conversations::default(),
            told: 0,
            most_bytes: 0,
            latched: false,
            marked: false,
            waiting: VecDeque::new(),
            taken: VecDeque::new(),
        }
    }

    pub fn send(&mut self, now: Now, commands: Vec<Command>) {
        self.waiting.extend(commands.into_iter().map(|command| (now.elapsed, command)));
        let weights = self.waiting.iter().map(|(_, command)| match command {
            Command::Append { append, .. } => append.weight(),
            _ => 0,
        });
        self.most_bytes = self.most_bytes.max(weights.sum());
    }

    /// Messages that are on their way.
    pub fn waiting_appends(&self) -> usize {
        let is_append =
            |(_, command): &&(Duration, Command)| matches!(command, Command::Append { .. });
        self.waiting.iter().filter(is_append).count()
    }

    /// Answers what can be answered now, in order.
    pub fn answers(&mut self, now: Now) -> Vec<Answer> {
        self.some_answers(now, usize::MAX)
    }

    /// Answers at most so many commands, in order.
    pub fn some_answers(&mut self, now: Now, commands_max: usize) -> Vec<Answer> {
        let mut answers = Vec::new();
        if self.mode == Mode::Well {
            // What a frozen server had in its buffers comes first.
            for command in std::mem::take(&mut self.taken) {
                if let Command::Append { append, at, .. } = command {
                    self.data.append(now, &append, at);
                }
            }
        }
        for _ in 0..commands_max {
            let Some((sent, command)) = self.waiting.pop_front() else { break };
            let is_read = matches!(command, Command::Read { .. });
            if self.latched && !is_read && !matches!(command, Command::Probe { resume: true }) {
                answers.extend(fault(command, "latched"));
                continue;
            }
            match self.mode {
                Mode::Slow if now.elapsed < sent + SLOW => {
                    self.waiting.push_front((sent, command));
                    break;
                }
                Mode::ReadOnly if is_read => answers.extend(self.carry_out(now, sent, command)),
                Mode::Well | Mode::Slow => {
                    self.latched &= is_read;
                    answers.extend(self.carry_out(now, sent, command));
                }
                Mode::Down | Mode::ReadOnly => {
                    self.latched = true;
                    answers.extend(fault(command, "refused"));
                }
                Mode::Frozen if now.elapsed < sent + COMMAND_TIMEOUT => {
                    self.waiting.push_front((sent, command));
                    break;
                }
                Mode::Frozen => {
                    self.latched = true;
                    self.taken.push_back(command.clone());
                    answers.extend(fault(command, "timed out"));
                }
            }
        }
        answers
    }

    fn carry_out(&mut self, now: Now, sent: Duration, command: Command) -> Option<Answer> {
        match command {
            Command::Append { ticket, append, at } => {
                let result = Ok(self.data.append(now, &append, at));
                Some(Answer::Appended { ticket, result })
            }
            Command::Read { ticket, .. } => {
                Some(Answer::Loaded { ticket, result: Ok(History::default()) })
            }
            Command::Tell(_) => {
                self.told += 1;
                None
            }
            Command::Purge(_) => None,
            Command::Probe { .. } => {
                let forgot = !std::mem::replace(&mut self.marked, true);
                let latency =
                    if self.mode == Mode::Slow { now.elapsed - sent } else { Duration::ZERO };
                Some(Answer::Probed(Ok(Probe { latency, forgot })))
            }
        }
    }

    /// Loses all data, as a restart without persistence does.
    pub fn flush(&mut self) {
        self.data.0.clear();
        self.marked = false;
    }
}

fn fault(command: Command, why: &str) -> Option<Answer> {
    let fault = Fault::Away(why.to_owned());
    Some(match command {
        Command::Append { ticket, .. } => Answer::Appended { ticket, result: Err(fault) },
        Command::Read { ticket, .. } => Answer::Loaded { ticket, result: Err(fault) },
        Command::Tell(fact) => Answer::Failed { fact: Some(fact), fault },
        Command::Purge(_) => Answer::Failed { fact: None, fault },
        Command::Probe { .. } => Answer::Probed(Err(fault)),
    })
}

/// A fault that will not pass.
pub fn refusal(ticket: Ticket) -> Answer {
    Answer::Appended { ticket, result: Err(Fault::Refused("WRONGTYPE".to_owned())) }
}
