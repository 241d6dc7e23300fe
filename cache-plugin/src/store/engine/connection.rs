//! Connections to an engine, whatever it is.

use redis::{
    AsyncConnectionConfig, Client, Cmd, ConnectionAddr, ErrorKind, Pipeline, RedisError, RedisFuture, RedisResult,
    Value,
    aio::{ConnectionLike, MultiplexedConnection},
    cluster::ClusterClient,
    cluster_async::ClusterConnection,
    cluster_routing::{RoutingInfo, SingleNodeRoutingInfo},
    cmd,
};

use super::{
    address::{Node, Target},
    settings::Settings,
};

/// A connection on which many requests are under way at once. Cloning it is cheap.
#[derive(Clone)]
pub(super) enum Connection {
    /// A node that has everything.
    Node(MultiplexedConnection),
    /// The nodes of a cluster.
    Cluster(ClusterConnection),
}

impl Connection {
    /// Connect, and see that commands are taken.
    pub(super) async fn open(settings: &Settings) -> RedisResult<Self> {
        match &settings.address.target {
            Target::Node { node, .. } => Self::node(&settings.client(node)?).await,
            Target::Unix(path) => Self::node(&settings.client_of(ConnectionAddr::Unix(path.clone()))?).await,
            Target::Cluster(nodes) => {
                let mut builder = ClusterClient::builder(settings.seeds(nodes)?)
                    .connection_timeout(settings.timeout)
                    .response_timeout(settings.timeout)
                    .overall_response_timeout(Some(settings.timeout));
                if let Some(password) = &settings.address.password {
                    builder = builder.password(password.expose());
                }
                if let Some(username) = &settings.address.username {
                    builder = builder.username(username);
                }
                let mut connection = Self::Cluster(builder.build()?.get_async_connection().await?);
                // One that has come up without one of its primaries is not whole.
                for node in connection.primaries().await? {
                    connection.ask(&node, &cmd("PING")).await?;
                }
                Ok(connection)
            }
            Target::Sentinel { .. } => {
                let node = current_primary(settings).await?;
                let mut connection = Self::node(&settings.client(&node)?).await?;
                let role: Vec<Value> = cmd("ROLE").query_async(&mut connection).await?;
                match role.first() {
                    Some(Value::BulkString(role)) if role == b"master" => Ok(connection),
                    _ => Err((ErrorKind::Client, "the sentinels name a node that is no primary").into()),
                }
            }
        }
    }

    async fn node(client: &Client) -> RedisResult<Self> {
        // Who asks sets the time.
        let config = AsyncConnectionConfig::new().set_response_timeout(None).set_connection_timeout(None);
        let mut connection = client.get_multiplexed_async_connection_with_config(&config).await?;
        // One that hangs takes connections, and does nothing on them.
        cmd("PING").exec_async(&mut connection).await?;
        Ok(Self::Node(connection))
    }

    /// The primaries of a cluster; of any other engine none, since there is but one node.
    pub(super) async fn primaries(&mut self) -> RedisResult<Vec<Node>> {
        let Self::Cluster(connection) = self else { return Ok(Vec::new()) };
        let slots: Vec<Vec<Value>> = cmd("CLUSTER").arg("SLOTS").query_async(connection).await?;
        let mut nodes = Vec::new();
        for range in slots {
            if let Some(Value::Array(primary)) = range.into_iter().nth(2)
                && let [Value::BulkString(host), Value::Int(port), ..] = primary.as_slice()
                && let (Ok(host), Ok(port)) = (std::str::from_utf8(host), u16::try_from(*port))
            {
                let node = Node { host: host.to_owned(), port };
                if !nodes.contains(&node) {
                    nodes.push(node);
                }
            }
        }
        if nodes.is_empty() {
            return Err((ErrorKind::Client, "the cluster has no primaries").into());
        }
        Ok(nodes)
    }

    /// Send a command to one node of a cluster.
    pub(super) async fn ask(&mut self, node: &Node, command: &Cmd) -> RedisResult<Value> {
        match self {
            Self::Node(connection) => connection.send_packed_command(command).await,
            Self::Cluster(connection) => {
                let place = SingleNodeRoutingInfo::ByAddress { host: node.host.clone(), port: node.port };
                connection.route_command(command.clone(), RoutingInfo::SingleNode(place)).await
            }
        }
    }
}

impl ConnectionLike for Connection {
    fn req_packed_command<'a>(&'a mut self, cmd: &'a Cmd) -> RedisFuture<'a, Value> {
        match self {
            Self::Node(connection) => connection.req_packed_command(cmd),
            Self::Cluster(connection) => connection.req_packed_command(cmd),
        }
    }

    fn req_packed_commands<'a>(
        &'a mut self,
        cmd: &'a Pipeline,
        offset: usize,
        count: usize,
    ) -> RedisFuture<'a, Vec<Value>> {
        match self {
            Self::Node(connection) => connection.req_packed_commands(cmd, offset, count),
            Self::Cluster(connection) => connection.req_packed_commands(cmd, offset, count),
        }
    }

    fn get_db(&self) -> i64 {
        match self {
            Self::Node(connection) => connection.get_db(),
            Self::Cluster(connection) => connection.get_db(),
        }
    }
}

/// Ask the sentinels, one after the other, which node is the primary.
pub(super) async fn current_primary(settings: &Settings) -> RedisResult<Node> {
    let Target::Sentinel { sentinels, primary } = &settings.address.target else {
        return Err((ErrorKind::InvalidClientConfig, "there are no sentinels").into());
    };
    let mut failed = None;
    // A sentinel that hangs leaves time for the others.
    let limit = settings.timeout / u32::try_from(sentinels.len() + 1).unwrap_or(u32::MAX);
    for sentinel in sentinels {
        match tokio::time::timeout(limit, ask_sentinel(sentinel, primary)).await {
            Ok(Ok(Some(node))) => return Ok(node),
            Ok(Ok(None)) => {
                let what = format!("the sentinel {sentinel} knows no primary '{primary}'");
                failed = Some(RedisError::from((ErrorKind::Client, "the name is not known", what)));
            }
            Ok(Err(error)) => failed = Some(error),
            Err(_) => failed = Some(std::io::Error::from(std::io::ErrorKind::TimedOut).into()),
        }
    }
    Err(failed.unwrap_or_else(|| (ErrorKind::EmptySentinelList, "there are no sentinels").into()))
}

async fn ask_sentinel(sentinel: &Node, primary: &str) -> RedisResult<Option<Node>> {
    let client = Client::open(ConnectionAddr::Tcp(sentinel.host.clone(), sentinel.port))?;
    let mut connection = Connection::node(&client).await?;
    let mut question = cmd("SENTINEL");
    question.arg("get-master-addr-by-name").arg(primary);
    let answer: Option<(String, u16)> = question.query_async(&mut connection).await?;
    Ok(answer.map(|(host, port)| Node { host, port }))
}
