//! Operations, and what else is asked of an engine.

use std::{
    collections::{BTreeSet, HashSet},
    hash::{BuildHasher, RandomState},
    time::Duration,
};

use plugin_api::{Fault, Value};
use redis::{FromRedisValue, InfoDict, Script, ScriptInvocation, Value as Answer, cmd};
use tokio::time::Instant;

use super::{
    core::Core,
    format::{MARK, decode, encode},
    scan::Scan,
};
use crate::store::{
    cached::{Cached, entry_size, size},
    clock::Clock,
    contract::{Info, Limits, Page, TimeLeft},
    evaluate::{View, beyond_64_bits, evaluate, no_integer},
    operation::Operation,
};

impl Core {
    /// Get the value under a key.
    pub(super) async fn fetch(&self, key: &str) -> Result<Option<Value>, Fault> {
        Ok(self.get(key, self.deadline()).await?.map(decode))
    }

    /// Get the values under several keys.
    pub(super) async fn fetch_many(&self, keys: Vec<Box<str>>) -> Result<Vec<(Box<str>, Value)>, Fault> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = cmd("MGET");
        for key in &keys {
            command.arg(self.link.settings.key(key));
        }
        let found: Vec<Option<Vec<u8>>> = self
            .link
            .call(self.deadline(), |mut connection| async move { command.query_async(&mut connection).await })
            .await?;
        Ok(keys.into_iter().zip(found).filter_map(|(key, bytes)| Some((key, decode(bytes?)))).collect())
    }

    /// Get the time that an entry has left.
    pub(super) async fn time_left(&self, key: &str) -> Result<Option<TimeLeft>, Fault> {
        let mut command = cmd("PTTL");
        command.arg(self.link.settings.key(key));
        let left: i64 = self
            .link
            .call(self.deadline(), |mut connection| async move { command.query_async(&mut connection).await })
            .await?;
        Ok(match u64::try_from(left) {
            Ok(left) => Some(TimeLeft::For(Duration::from_millis(left))),
            Err(_) if left == -1 => Some(TimeLeft::Unlimited),
            Err(_) => None,
        })
    }

    /// Count the entries.
    pub(super) async fn count(&self) -> Result<usize, Fault> {
        // Hashes take less memory than the keys, and two that are the same are rarer than a broken disk.
        let (random, mut seen) = (RandomState::new(), HashSet::new());
        let mut scan = Scan::begin(&self.link, "").await?;
        while let Some(keys) = scan.next().await? {
            let own = keys.iter().filter_map(|key| self.link.settings.own_key(key));
            seen.extend(own.map(|key| random.hash_one(key)));
        }
        Ok(seen.len())
    }

    /// List keys in order.
    pub(super) async fn list(&self, page: Page) -> Result<Vec<String>, Fault> {
        let mut listed: BTreeSet<String> = BTreeSet::new();
        let mut scan = Scan::begin(&self.link, &page.prefix).await?;
        while let Some(keys) = scan.next().await? {
            for key in keys.iter().filter_map(|key| self.link.settings.own_key(key)) {
                if page.after.as_deref().is_none_or(|after| key > after) {
                    listed.insert(key.to_owned());
                }
                if page.limit > 0 && listed.len() > page.limit {
                    listed.pop_last();
                }
            }
        }
        Ok(listed.into_iter().collect())
    }

    /// Carry an operation out.
    pub(super) async fn write(&self, operation: Operation) -> Result<Value, Fault> {
        let deadline = self.deadline();
        if self.limits.max_value_bytes > 0
            && let Some(answer) = self.check(&operation, deadline).await?
        {
            return Ok(answer);
        }
        if self.events.has_listeners() {
            self.subscribed(deadline).await;
        }
        let scripts = &self.scripts;
        match operation {
            Operation::Store { key, value, lifetime } => {
                let mut call = self.script(&scripts.store, &key);
                call.arg(&*encode(&value));
                self.run::<()>(with_lifetime(&mut call, lifetime), deadline).await.map(|()| true.into())
            }
            Operation::StoreMany(entries) => {
                if entries.is_empty() {
                    return Ok(true.into());
                }
                let mut call = scripts.store_many.arg(self.link.settings.channel());
                for (key, value) in &entries {
                    call.key(self.link.settings.key(key)).arg(&*encode(value));
                }
                self.run::<()>(&call, deadline).await.map(|()| true.into()).map_err(several_slots)
            }
            Operation::Add { key, value, lifetime } => {
                let mut call = self.script(&scripts.add, &key);
                call.arg(&*encode(&value));
                self.run::<bool>(with_lifetime(&mut call, lifetime), deadline).await.map(Value::from)
            }
            Operation::Delete { key } => {
                self.run::<()>(&self.script(&scripts.delete, &key), deadline).await.map(|()| true.into())
            }
            Operation::ReplaceIf { key, expected, value } => self.swap(&key, &expected, Some(&value), deadline).await,
            Operation::DeleteIf { key, expected } => self.swap(&key, &expected, None, deadline).await,
            Operation::Increment { key, by } => self.increment(&key, by, deadline).await,
            Operation::Expire { key, lifetime } => {
                let mut call = self.script(&scripts.expire, &key);
                self.run::<bool>(with_lifetime(&mut call, lifetime), deadline).await.map(Value::from)
            }
            Operation::Clear => self.clear().await,
        }
    }

    fn script<'a>(&self, script: &'a Script, key: &str) -> ScriptInvocation<'a> {
        let mut call = script.key(self.link.settings.key(key));
        call.arg(self.link.settings.channel());
        call
    }

    async fn run<T: FromRedisValue>(&self, call: &ScriptInvocation<'_>, deadline: Instant) -> Result<T, Fault> {
        self.link.call(deadline, |mut connection| async move { call.invoke_async(&mut connection).await }).await
    }

    /// Put a value in place of the expected one, or nothing. What is there may be the expected value in another
    /// spelling; then the step is made again with that.
    async fn swap(
        &self,
        key: &str,
        expected: &Value,
        value: Option<&Value>,
        deadline: Instant,
    ) -> Result<Value, Fault> {
        // Not a number is not equal to itself.
        #[allow(clippy::eq_op, reason = "see above")]
        if expected != expected {
            return Ok(false.into());
        }
        let value = value.map(encode);
        let mut bytes = encode(expected).into_owned();
        loop {
            let mut call = self.script(&self.scripts.swap, key);
            call.arg(&bytes);
            if let Some(value) = &value {
                call.arg(&**value);
            }
            match self.run::<Answer>(&call, deadline).await? {
                Answer::BulkString(found) if found != bytes && decode(found.clone()) == *expected => bytes = found,
                answer => return Ok((answer == Answer::Int(1)).into()),
            }
        }
    }

    async fn increment(&self, key: &str, by: i64, deadline: Instant) -> Result<Value, Fault> {
        let mut call = self.script(&self.scripts.increment, key);
        call.arg(MARK).arg(by.to_string());
        match self.run::<Answer>(&call, deadline).await? {
            Answer::Array(refused) => match <(String, Vec<u8>)>::from_redis_value(Answer::Array(refused)) {
                Ok((why, number)) if why == "range" => Err(beyond_64_bits(&String::from_utf8_lossy(&number), by)),
                Ok((_, found)) => Err(no_integer(key, decode(found).kind_name())),
                Err(error) => Err(self.link.failed(&error.to_string())),
            },
            answer => {
                let sum = String::from_redis_value(answer).ok().and_then(|sum| sum.parse::<i64>().ok());
                sum.map(Value::from).ok_or_else(|| self.link.failed("its answer is no integer"))
            }
        }
    }

    /// Delete all entries, some at a time. What is stored meanwhile may stay.
    async fn clear(&self) -> Result<Value, Fault> {
        let mut scan = Scan::begin(&self.link, "").await?;
        let channel = self.link.settings.channel();
        let mut connection = scan.session.connection.clone();
        while let Some(keys) = scan.next().await? {
            if keys.is_empty() {
                continue;
            }
            if self.link.settings.is_cluster() {
                let mut command = cmd("UNLINK");
                command.arg(keys);
                scan.session.run(command.exec_async(&mut connection)).await?;
            } else {
                let mut call = self.scripts.empty.arg(&channel);
                for key in keys {
                    call.key(key);
                }
                scan.session.run(async { call.invoke_async::<()>(&mut connection).await }).await?;
            }
        }
        let mut command = cmd("PUBLISH");
        command.arg(&channel).arg("*");
        // Where nobody is let publish, the cache is empty all the same.
        let _ = scan.session.run(command.exec_async(&mut connection)).await;
        Ok(true.into())
    }

    /// Refuse a value that is longer than one may be, unless it makes what is there smaller. There is an answer if
    /// nothing is to change.
    async fn check(&self, operation: &Operation, deadline: Instant) -> Result<Option<Value>, Fault> {
        let values: Vec<(&str, u64)> = match operation {
            Operation::Store { key, value, .. }
            | Operation::Add { key, value, .. }
            | Operation::ReplaceIf { key, value, .. } => vec![(key, size(value))],
            Operation::StoreMany(entries) => entries.iter().map(|(key, value)| (&**key, size(value))).collect(),
            Operation::Increment { key, .. } => vec![(key, size(&Value::Nil))],
            _ => return Ok(None),
        };
        if values.iter().all(|(_, size)| *size <= self.limits.max_value_bytes) {
            return Ok(None);
        }
        let mut found = Found(Vec::new());
        for (key, _) in values {
            if let Some(bytes) = self.get(key, deadline).await? {
                found.0.push((key.into(), Cached::new(decode(bytes), None)));
            }
        }
        let limits = Limits { max_value_bytes: self.limits.max_value_bytes, ..Limits::default() };
        let (answer, changes) = evaluate(operation.clone(), &found, &limits, &Clock::default())?;
        Ok(changes.as_slice().is_empty().then_some(answer))
    }

    /// Say how the engine is.
    pub(super) async fn info(&self) -> Info {
        let settings = &self.link.settings;
        let mut info = Info {
            store: settings.address.scheme,
            keys: 0,
            bytes: 0,
            connection: "connected".into(),
            more: vec![("address", settings.address.to_string().into()), ("prefix", settings.prefix.as_str().into())],
        };
        let asked = async {
            let mut session = self.link.session().await?;
            let mut connection = session.connection.clone();
            let nodes = session.run(connection.primaries()).await?;
            session.connection = connection;
            let question = cmd("INFO");
            let mut answers = Vec::new();
            if nodes.is_empty() {
                answers.push(session.run(question.query_async::<InfoDict>(&mut session.connection.clone())).await?);
            }
            for node in nodes {
                let mut connection = session.connection.clone();
                let answer = async { Ok(InfoDict::from_redis_value(connection.ask(&node, &question).await?)?) };
                answers.push(session.run(answer).await?);
            }
            Ok::<_, Fault>((answers, self.count().await?))
        };
        match asked.await {
            Ok((answers, keys)) => {
                info.keys = keys as u64;
                info.bytes = answers.iter().filter_map(|answer| answer.get::<u64>("used_memory")).sum();
                if let Some(answer) = answers.first() {
                    let version = ["valkey", "redis"]
                        .into_iter()
                        .find_map(|name| Some(format!("{name} {}", answer.get::<String>(&format!("{name}_version"))?)));
                    info.more.push(("server", version.unwrap_or_default().into()));
                }
                let latency = self.link.latency().as_secs_f64() * 1000.0;
                info.more.push(("latency_ms", latency.into()));
                if let Some((reason, _)) = self.link.down() {
                    info.connection = format!("lost: {reason}").into();
                }
            }
            Err(fault) => {
                let reason = self.link.down().map_or_else(|| fault.text.to_string(), |(reason, _)| reason.to_string());
                info.connection = format!("lost: {reason}").into();
            }
        }
        info
    }
}

fn with_lifetime<'a, 'b>(call: &'a mut ScriptInvocation<'b>, lifetime: Option<Duration>) -> &'a ScriptInvocation<'b> {
    if let Some(lifetime) = lifetime {
        // A part of a millisecond counts as a whole one.
        let millis = (lifetime + Duration::from_nanos(999_999)).as_millis();
        call.arg(u64::try_from(millis).unwrap_or(u64::MAX));
    }
    call
}

/// Say what helps where keys lie in several slots of a cluster.
fn several_slots(mut fault: Fault) -> Fault {
    if fault.text.contains("CROSSSLOT") || fault.text.contains("slot") {
        let help = "several values are stored at once only if their keys lie in one slot of the cluster: a part of \
                    store_prefix in braces, as in '{cache}:', puts all of them there";
        fault.text = format!("{}; {help}", fault.text).into();
    }
    fault
}

/// Entries that an operation found in the engine.
struct Found(Vec<(Box<str>, Cached)>);

impl View for Found {
    fn get(&self, key: &str) -> Option<&Cached> {
        self.0.iter().find(|(found, _)| **found == *key).map(|(_, cached)| cached)
    }

    fn keys(&self) -> u64 {
        self.0.len() as u64
    }

    fn bytes(&self) -> u64 {
        self.0.iter().map(|(key, cached)| entry_size(key, cached.size())).sum()
    }
}
