//! The connections: made in time, checked before use, and dropped all together when one shows that
//! the server is not what it was.

use std::cell::Cell;
use std::time::Duration;

use deadpool_redis::{Connection, Manager, Pool, PoolError, Runtime, TimeoutType};
use redis::{AsyncConnectionConfig, Cmd, Pipeline, RedisError, ServerErrorKind, Value};

use super::RedisSettings;
use crate::store::Fault;
use crate::store::redis::{Script, connection_fault, server_fault};

/// One connection is kept for writes; reads and probes need another.
const POOL_MIN: usize = 2;

pub(super) struct Connections {
    pool: Pool,
    dial_timeout: Duration,
    /// Counts the times that all connections were dropped.
    generation: Cell<u64>,
}

/// A connection in use. Dropped without [`Connections::keep`], it is closed: nobody knows what it still
/// has to answer.
pub(super) struct Lease {
    connection: Option<Connection>,
    generation: u64,
}

impl Connections {
    pub(super) fn new(settings: &RedisSettings) -> Result<Self, RedisError> {
        let timeouts = AsyncConnectionConfig::new()
            .set_connection_timeout(Some(settings.dial_timeout))
            .set_response_timeout(Some(settings.command_timeout));
        let manager = Manager::new_with_config(settings.connection_info(), timeouts)?;
        let pool = Pool::builder(manager)
            .max_size(settings.pool_size.max(POOL_MIN))
            .wait_timeout(Some(settings.dial_timeout))
            .create_timeout(Some(settings.dial_timeout))
            .recycle_timeout(Some(settings.command_timeout))
            .runtime(Runtime::Tokio1)
            .build()
            .expect("a pool with a runtime can have timeouts");
        Ok(Self { pool, dial_timeout: settings.dial_timeout, generation: Cell::new(0) })
    }

    /// A connection that answered a moment ago.
    pub(super) async fn lease(&self) -> Result<Lease, Fault> {
        let generation = self.generation.get();
        // The bound is for all attempts together: each idle connection may have died.
        match tokio::time::timeout(self.dial_timeout, self.pool.get()).await {
            Ok(Ok(connection)) => Ok(Lease { connection: Some(connection), generation }),
            Ok(Err(PoolError::Backend(error))) => Err(connection_fault(&error)),
            Ok(Err(PoolError::Timeout(TimeoutType::Wait))) => {
                Err(Fault::Busy("no connection is free".to_owned()))
            }
            Ok(Err(PoolError::Timeout(_))) | Err(_) => {
                Err(Fault::Away("no connection in time".to_owned()))
            }
            Ok(Err(error)) => Err(Fault::Away(error.to_string())),
        }
    }

    /// Whether a lease is of a server that nothing was said against since.
    pub(super) fn is_current(&self, lease: &Lease) -> bool {
        lease.generation == self.generation.get()
    }

    /// Gives a connection back that has answered all it was asked.
    pub(super) fn keep(&self, mut lease: Lease) {
        if self.is_current(&lease) {
            drop(lease.connection.take());
        }
    }

    /// Names all connections made since they were last closed together.
    pub(super) fn generation(&self) -> u64 {
        self.generation.get()
    }

    /// Closes all connections, those in use as soon as they come back.
    pub(super) fn renew(&self) {
        self.generation.set(self.generation.get() + 1);
        self.pool.retain(|_, _| false);
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        if let Some(connection) = self.connection.take() {
            drop(Connection::take(connection));
        }
    }
}

impl Lease {
    /// Sends commands together and gives the answer to each, errors among them, in their order.
    ///
    /// A server that does not know the scripts is taught them. All from the first command that it
    /// did not know are then sent again, so that their order stays; each of them changes nothing
    /// the second time.
    pub(super) async fn ask(&mut self, commands: Vec<Cmd>) -> Result<Vec<Value>, Fault> {
        let pipeline = together(commands);
        let mut answers = self.send(&pipeline).await?;
        if let Some(first) = answers.iter().position(is_unknown_script) {
            for answer in self.send(&together(Script::ALL.map(Script::load))).await? {
                if let Value::ServerError(error) = answer {
                    let (Fault::Away(why) | Fault::Busy(why) | Fault::Refused(why)) =
                        server_fault(&error);
                    return Err(Fault::Away(format!("it does not take the scripts: {why}")));
                }
            }
            let again = together(pipeline.cmd_iter().skip(first).cloned());
            for (answer, again) in answers[first..].iter_mut().zip(self.send(&again).await?) {
                if is_unknown_script(answer) {
                    *answer = again;
                }
            }
        }
        Ok(answers)
    }

    /// Sends one command.
    pub(super) async fn ask_one(&mut self, command: Cmd) -> Result<Value, Fault> {
        let answers = self.ask(vec![command]).await?;
        answers.into_iter().next().ok_or_else(|| Fault::Away("no answer came".to_owned()))
    }

    async fn send(&mut self, pipeline: &Pipeline) -> Result<Vec<Value>, Fault> {
        let connection = self.connection.as_mut().expect("a lease in use has its connection");
        pipeline.query_async(connection).await.map_err(|error| connection_fault(&error))
    }
}

/// One pipeline in which an error to one command leaves the others their answers.
fn together(commands: impl IntoIterator<Item = Cmd>) -> Pipeline {
    let commands = commands.into_iter();
    let mut pipeline = Pipeline::with_capacity(commands.size_hint().0);
    for command in commands {
        pipeline.add_command(command);
    }
    pipeline.ignore_errors();
    pipeline
}

fn is_unknown_script(answer: &Value) -> bool {
    matches!(answer, Value::ServerError(error) if error.kind() == Some(ServerErrorKind::NoScript))
}
