//! Clients that know what they have stored, and see whether it is there.

use std::{collections::HashMap, fmt::Write as _, sync::atomic::Ordering::Relaxed};

use super::{
    client::Client,
    common::{Random, http},
    run::Run,
};

/// Keys of each client.
const KEYS: usize = 20;

/// Call until the run is over, as the client of that number.
pub fn run(run: &Run, port: u16, number: usize) {
    let mut own = Own {
        run,
        client: Client::new(run, port),
        random: Random::new(number as u64),
        number,
        values: HashMap::new(),
        count: 0,
    };
    while !run.is_over() {
        own.step();
    }
}

/// A client and what only it changes.
struct Own<'a> {
    run: &'a Run,
    client: Client<'a>,
    random: Random,
    number: usize,
    /// Values as they were acknowledged.
    values: HashMap<String, String>,
    /// Number that its counter has come to.
    count: u64,
}

impl Own<'_> {
    fn step(&mut self) {
        let key = format!("client {} key {}", self.number, self.random.below(KEYS));
        match self.random.below(100) {
            0..=59 => self.fetch(&key),
            60..=79 => self.store(key),
            80..=84 => self.delete(&key),
            85..=89 => self.increment(),
            90..=92 => self.fetch_many(),
            93..=95 => self.states(),
            96..=97 => self.tail(),
            _ => self.restart(),
        }
    }

    /// Call, and hear of what must be in every answer.
    fn call(&mut self, method: &str, params: &[&str], must_have: &str) -> Option<(String, bool)> {
        let answer = self.client.call(&http::call(method, params))?;
        if !answer.text.contains(must_have) {
            self.run.broken(format_args!("{method}({params:?}) should say {must_have:?}: {}", answer.text));
        }
        Some((answer.text, answer.is_repeated))
    }

    fn fetch(&mut self, key: &str) {
        let expected = match self.values.get(key) {
            Some(value) => format!("<string>{value}</string>"),
            None => "<fault>".to_owned(),
        };
        self.call("cache.fetch", &[key], &expected);
    }

    fn store(&mut self, key: String) {
        let (number, length) = (self.random.below(1 << 30), self.random.below(200));
        let value = number.to_string() + &"x".repeat(length);
        if self.call("cache.store", &[&key, &value], "<boolean>1</boolean>").is_some() {
            self.values.insert(key, value);
        }
    }

    fn delete(&mut self, key: &str) {
        if self.call("cache.delete", &[key], "<boolean>").is_some() {
            self.values.remove(key);
        }
    }

    /// A counter says each number once; what was sent again may have counted twice.
    fn increment(&mut self) {
        let key = format!("client {} count", self.number);
        let Some((answer, is_repeated)) = self.call("cache.increment", &[&key], "<int>") else { return };
        let number = answer.split_once("<int>").and_then(|(_, rest)| rest.split_once('<')?.0.parse::<u64>().ok());
        match number {
            Some(number) if number == self.count + 1 || is_repeated && number == self.count + 2 => self.count = number,
            _ => self.run.broken(format_args!("the counter of {} was {}: {answer}", self.number, self.count)),
        }
    }

    /// All of its keys in one request.
    fn fetch_many(&mut self) {
        let mut calls = String::new();
        let keys: Vec<_> = self.values.keys().cloned().collect();
        for key in &keys {
            let _ = write!(
                calls,
                "<value><struct><member><name>methodName</name><value><string>cache.fetch</string></value></member>\
                 <member><name>params</name><value><array><data><value><string>{key}</string></value></data></array>\
                 </value></member></struct></value>"
            );
        }
        let body = format!(
            "<?xml version='1.0'?><methodCall><methodName>system.multicall</methodName><params><param><value><array>\
             <data>{calls}</data></array></value></param></params></methodCall>"
        );
        let Some(answer) = self.client.call(&body) else { return };
        self.run.requests.fetch_add(keys.len() as u64, Relaxed);
        for value in keys.iter().filter_map(|key| self.values.get(key)) {
            if !answer.text.contains(&format!("<string>{value}</string>")) {
                self.run.broken(format_args!("{value:?} is not among {}", answer.text));
            }
        }
    }

    fn states(&mut self) {
        self.call("supervisor.getAllProcessInfo", &[], "<name>statename</name>");
    }

    /// Take the end of a log.
    fn tail(&mut self) {
        let numbers = [0, 1000].map(|number| format!("<param><value><int>{number}</int></value></param>")).concat();
        let body = http::call("supervisor.tailProcessStdoutLog", &["lines"]);
        let body = body.replace("</params>", &(numbers + "</params>"));
        let Some(answer) = self.client.call(&body) else { return };
        // Text, its end, and whether there is more than that.
        if !(answer.text.contains("<int>") && answer.text.contains("<boolean>")) {
            self.run.broken(format_args!("the end of a log is {}", answer.text));
        }
    }

    /// Stop and start a program of its own, where there is one.
    fn restart(&mut self) {
        if self.number >= super::programs::OWN {
            return self.states();
        }
        let name = format!("own:own_{:02}", self.number);
        // One that was sent again finds it done.
        for (method, done, after) in [
            ("supervisor.stopProcess", "NOT_RUNNING", "STOPPED"),
            ("supervisor.startProcess", "ALREADY_STARTED", "RUNNING"),
        ] {
            let Some(answer) = self.client.call(&http::call(method, &[&name])) else { return };
            if !(answer.text.contains("<boolean>1</boolean>") || answer.is_repeated && answer.text.contains(done)) {
                self.run.broken(format_args!("{method}({name}): {}", answer.text));
            }
            self.call("supervisor.getProcessInfo", &[&name], after);
        }
    }
}
