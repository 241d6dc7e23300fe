//! Further `cache_*` commands, under a factory of their own: `help` shows them where the config asks for them.

use std::{
    fs::File,
    io::{self, BufRead as _, BufReader, BufWriter, Write as _},
};

use plugin_api::{Config, Controller, Fault, Proxy, Value, ctl_plugin, pformat};

use crate::json_lines::{self, Entry};

/// Width at which Python prints.
const WIDTH: usize = 80;

/// Keys that are asked for at once.
const KEYS: usize = 1000;

/// Entries that travel at once.
const ENTRIES: usize = 50;

/// Commands for what the original's do not do.
pub struct CacheOperations {
    ctl: Controller,
    cache: Proxy,
}

#[ctl_plugin]
impl CacheOperations {
    /// Cache <value>, as a string, at <key>, unless something is cached there; for a time if there are <seconds>.
    pub fn cache_add(&self, key: String, value: String, seconds: Option<f64>) -> Result<Value, Fault> {
        self.cache.call("add", (key, value, seconds.unwrap_or(0.0)))
    }

    /// Save all that is cached to <file>, or print it: a line of JSON for each key, types and remaining times included.
    pub fn cache_dump(&self, file: Option<String>) -> Result<(), Fault> {
        let Some(file) = file else { return self.print_dump() };
        let failed = |error: io::Error| Fault::failed_with(format_args!("cannot write {file}: {error}"));
        let mut out = BufWriter::new(File::create(&file).map_err(failed)?);
        self.dump(|entry| writeln!(out, "{}", json_lines::write(&entry)).map_err(failed))?;
        out.flush().map_err(failed)
    }

    /// Add <by>, or 1, to the integer that is cached at <key>.
    #[ctl(complete_with = "keys")]
    pub fn cache_increment(&self, key: String, by: Option<i64>) -> Result<Value, Fault> {
        self.cache.call("increment", (key, by.unwrap_or(1)))
    }

    /// Show how large the cache is, what its limits are, and how it has been used.
    pub fn cache_info(&self) -> Result<(), Fault> {
        let info: Value = self.cache.call("getInfo", ())?;
        self.ctl.output_value(pformat(&info, WIDTH), info);
        Ok(())
    }

    /// List the keys that begin with <prefix>, or all, one on a line.
    pub fn cache_list(&self, prefix: Option<String>) -> Result<(), Fault> {
        let (is_json, mut all) = (self.ctl.is_json(), Vec::new());
        self.each_page(&prefix.unwrap_or_default(), |keys| {
            if is_json {
                all.extend_from_slice(keys);
            } else {
                self.ctl.output(keys.join("\n"));
            }
            Ok(())
        })?;
        if is_json {
            self.ctl.output_value("", all);
        }
        Ok(())
    }

    /// Cache what a dump has saved to <file>. What is cached beside it stays.
    pub fn cache_load(&self, file: String) -> Result<(), Fault> {
        let failed = |error: io::Error| Fault::failed_with(format_args!("cannot read {file}: {error}"));
        let opened = File::open(&file).map_err(failed)?;
        let mut progress = self.ctl.progress("loading", opened.metadata().map_or(0, |data| data.len()));
        let mut calls = Vec::new();
        for (number, line) in BufReader::new(opened).lines().enumerate() {
            let line = line.map_err(failed)?;
            if !line.trim().is_empty() {
                let entry = json_lines::read(&line)
                    .map_err(|error| Fault::failed_with(format_args!("{file}, line {}: {error}", number + 1)))?;
                let params = [entry.key.into(), entry.value, entry.seconds.into()];
                calls.push(("storeFor", params.to_vec()));
            }
            if calls.len() == ENTRIES {
                self.all(std::mem::take(&mut calls))?.into_iter().collect::<Result<Vec<_>, _>>()?;
            }
            progress.advance(line.len() as u64 + 1);
        }
        self.all(calls)?.into_iter().collect::<Result<Vec<_>, _>>().map(drop)
    }

    /// Cache <value>, as a string, at <key>, for <seconds>.
    pub fn cache_store_for(&self, key: String, value: String, seconds: f64) -> Result<(), Fault> {
        self.cache.call("storeFor", (key, value, seconds))
    }

    /// Wait until another value is cached at <key> than now, or than <known>, but no longer than <seconds>; show it.
    ///
    /// The exit status is 1 if the time is over.
    #[ctl(complete_with = "keys")]
    pub fn cache_wait(&self, key: String, seconds: f64, known: Option<String>) -> Result<(), Fault> {
        let known = if let Some(known) = known {
            known.into()
        } else {
            let there: Value = self.cache.call("fetchMany", (vec![key.as_str()],))?;
            there.get(&key).cloned().unwrap_or_default()
        };
        let answer: Value = self.cache.call("wait", (key, known, seconds))?;
        let value = answer.get("value").cloned().unwrap_or_default();
        self.ctl.output_value(pformat(&value, WIDTH), value);
        if answer.get("changed") != Some(&true.into()) {
            self.ctl.set_exit_status(1);
        }
        Ok(())
    }

    /// Complete keys, for the tabulator key.
    fn keys(&self, words: &[String]) -> Result<Vec<String>, Fault> {
        if words.is_empty() { self.cache.call("listKeys", ("", KEYS)) } else { Ok(Vec::new()) }
    }

    /// Hand each page of keys to `take`.
    fn each_page(&self, prefix: &str, mut take: impl FnMut(&[String]) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut after = String::new();
        loop {
            let keys: Vec<String> = self.cache.call("listKeys", (prefix, KEYS, after.as_str()))?;
            if !keys.is_empty() {
                take(&keys)?;
            }
            match keys.last() {
                Some(last) if keys.len() == KEYS => after.clone_from(last),
                _ => return Ok(()),
            }
        }
    }

    /// Print a line for each entry, or all entries as one value.
    fn print_dump(&self) -> Result<(), Fault> {
        let (is_json, mut all) = (self.ctl.is_json(), Vec::new());
        self.dump(|entry| {
            if is_json {
                let Entry { key, value, seconds } = entry;
                all.push(Value::structure([("key", key.into()), ("value", value), ("seconds", seconds.into())]));
            } else {
                self.ctl.output(json_lines::write(&entry));
            }
            Ok(())
        })?;
        if is_json {
            self.ctl.output_value("", all);
        }
        Ok(())
    }

    /// Hand each entry to `take`.
    fn dump(&self, mut take: impl FnMut(Entry) -> Result<(), Fault>) -> Result<(), Fault> {
        let mut progress = self.ctl.progress("saving", self.cache.call("getCount", ())?);
        self.each_page("", |keys| {
            for keys in keys.chunks(ENTRIES) {
                let params = |key: &String| vec![Value::from(key.as_str())];
                let calls = keys.iter().flat_map(|key| [("fetch", params(key)), ("getSecondsLeft", params(key))]);
                let mut answers = self.all(calls.collect())?.into_iter();
                for key in keys {
                    // What has gone meanwhile is not saved.
                    let (Some(value), Some(Ok(Value::Double(seconds)))) = (answers.next(), answers.next()) else {
                        continue;
                    };
                    // A value may look like a fault, and is none if it is asked for alone.
                    let value = match value {
                        Ok(value) => value,
                        Err(_) => self.cache.call("fetch", (key,))?,
                    };
                    take(Entry { key: key.clone(), value, seconds })?;
                }
                progress.advance(keys.len() as u64);
            }
            Ok(())
        })
    }

    /// Call several methods of the cache at once.
    fn all(&self, calls: Vec<(&str, Vec<Value>)>) -> Result<Vec<Result<Value, Fault>>, Fault> {
        if calls.is_empty() {
            return Ok(Vec::new());
        }
        let calls = calls.into_iter().map(|(method, params)| {
            Value::structure([("methodName", format!("cache.{method}").into()), ("params", params.into())])
        });
        let answers: Vec<Value> = self.ctl.call("system.multicall", (calls.collect::<Vec<_>>(),))?;
        Ok(answers.into_iter().map(answer).collect())
    }
}

/// An answer among several, where a fault is a struct.
fn answer(answer: Value) -> Result<Value, Fault> {
    match (answer.get("faultCode").and_then(Value::as_i64), answer.get("faultString").and_then(Value::as_str)) {
        (Some(code), Some(text)) => Err(Fault::new(i32::try_from(code).unwrap_or(-1), text)),
        _ => Ok(answer),
    }
}

/// The factory that `supervisor.ctl_factory` names. It has no options.
pub fn make_cache_operations(controller: Controller, _config: Config) -> Result<CacheOperations, Fault> {
    let cache = controller.proxy("cache");
    Ok(CacheOperations { ctl: controller, cache })
}
