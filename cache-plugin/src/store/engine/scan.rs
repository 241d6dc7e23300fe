//! Keys of an engine that begin with the prefix, some at a time, so that nobody waits for all of them.

use plugin_api::Fault;
use redis::{FromRedisValue, cmd};

use super::{
    address::Node,
    link::{Link, Session},
};

/// Number of keys that the engine looks at in one step.
const AT_ONCE: usize = 1000;

/// A walk over the keys. One that is there all the time is found, now and then more than once; one that comes or goes
/// meanwhile may be.
pub(super) struct Scan<'a> {
    pub(super) session: Session<'a>,
    pattern: String,
    /// The primaries of a cluster that are still to be asked, the present one last.
    nodes: Vec<Node>,
    cursor: u64,
    ended: bool,
}

impl<'a> Scan<'a> {
    /// Begin with the keys that have this text after the prefix.
    pub(super) async fn begin(link: &'a Link, text: &str) -> Result<Self, Fault> {
        let mut session = link.session().await?;
        let mut connection = session.connection.clone();
        let nodes = session.run(connection.primaries()).await?;
        session.connection = connection;
        Ok(Self { session, pattern: link.settings.pattern(text), nodes, cursor: 0, ended: false })
    }

    /// The next keys, as they are in the engine; none at the end. There may be no key among them.
    pub(super) async fn next(&mut self) -> Result<Option<Vec<Vec<u8>>>, Fault> {
        if self.ended {
            return Ok(None);
        }
        let mut command = cmd("SCAN");
        command.arg(self.cursor).arg("MATCH").arg(&self.pattern).arg("COUNT").arg(AT_ONCE);
        let mut connection = self.session.connection.clone();
        let node = self.nodes.last().cloned();
        let step = async {
            let answer = match &node {
                Some(node) => connection.ask(node, &command).await?,
                None => command.query_async(&mut connection).await?,
            };
            Ok(<(u64, Vec<Vec<u8>>)>::from_redis_value(answer)?)
        };
        let (cursor, keys) = self.session.run(step).await?;
        self.cursor = cursor;
        if cursor == 0 {
            self.nodes.pop();
            self.ended = self.nodes.is_empty();
        }
        Ok(Some(keys))
    }
}
