//! Random histories against a model that is as simple as can be.

use std::{collections::BTreeMap, time::Duration};

use plugin_api::{Fault, Value};
use proptest::prelude::*;

use super::subject::{Subject, local_subjects, subjects};
use crate::store::{Clock, Limits};

/// A step of a history.
#[derive(Clone, Debug)]
enum Step {
    Call(&'static str, Vec<Value>),
    /// Ten seconds so many times over.
    Pass(u64),
    /// supervisord starts anew; nothing of it is seen in what a file keeps.
    Reopen,
}

/// The cache as the documentation has it.
#[derive(Default)]
struct Model {
    entries: BTreeMap<String, (Value, Option<u64>)>,
    now: u64,
    limits: Limits,
}

impl Model {
    fn bytes(entries: &BTreeMap<String, (Value, Option<u64>)>) -> u64 {
        entries.iter().map(|(key, (value, _))| 64 + key.len() as u64 + Self::size(value)).sum()
    }

    fn size(value: &Value) -> u64 {
        match value {
            Value::String(text) => text.len() as u64,
            Value::Array(items) => items.iter().map(|item| 40 + Self::size(item)).sum(),
            _ => 8,
        }
    }

    fn quota(&self, entries: &BTreeMap<String, (Value, Option<u64>)>) -> Result<(), Fault> {
        let quota = |what| Err(Fault::new(240, format!("QUOTA_EXCEEDED: {what}")));
        let Limits { max_keys, max_bytes, max_value_bytes } = self.limits;
        for (key, (value, _)) in entries {
            let (size, old) = (Self::size(value), self.entries.get(key).map(|(value, _)| Self::size(value)));
            if max_value_bytes > 0 && size > max_value_bytes && old.is_none_or(|old| size > old) {
                return quota(format!(
                    "max_value_bytes is {max_value_bytes}, and a value of {size} bytes was asked for"
                ));
            }
        }
        let (keys, bytes) = (entries.len() as u64, Self::bytes(entries));
        if max_keys > 0 && keys > max_keys && keys > self.entries.len() as u64 {
            return quota(format!("max_keys is {max_keys}, and {keys} keys were asked for"));
        }
        if max_bytes > 0 && bytes > max_bytes && bytes > Self::bytes(&self.entries) {
            return quota(format!("max_bytes is {max_bytes}, and {bytes} bytes were asked for"));
        }
        Ok(())
    }

    fn set(
        &mut self,
        entries: impl IntoIterator<Item = (String, Value, Option<u64>)>,
        answer: impl Into<Value>,
    ) -> Result<Value, Fault> {
        let mut all = self.entries.clone();
        all.extend(entries.into_iter().map(|(key, value, deadline)| (key, (value, deadline))));
        self.quota(&all)?;
        self.entries = all;
        Ok(answer.into())
    }

    #[allow(clippy::match_same_arms, reason = "a method each")]
    fn call(&mut self, method: &str, params: &[Value]) -> Result<Value, Fault> {
        let now = self.now;
        self.entries.retain(|_, (_, deadline)| deadline.is_none_or(|deadline| deadline > now));
        let key = || params[0].as_str().unwrap().to_owned();
        let deadline =
            |seconds: &Value| seconds.as_i64().filter(|seconds| *seconds > 0).map(|s| now + s.unsigned_abs());
        let found = match params.first() {
            Some(key) => key.as_str().and_then(|key| self.entries.get(key)).cloned(),
            None => None,
        };
        match (method, found) {
            ("getCount", _) => Ok(i64::try_from(self.entries.len()).unwrap().into()),
            ("getKeys", _) => Ok(Value::array(self.entries.keys().map(|key| key.as_str().into()))),
            ("listKeys", _) => {
                let (prefix, after) = (key(), params[2].as_str().unwrap());
                let keys = self.entries.keys().filter(|key| key.starts_with(&prefix) && key.as_str() > after);
                let limit = usize::try_from(params[1].as_i64().unwrap()).unwrap();
                let limit = if limit == 0 { usize::MAX } else { limit };
                Ok(Value::array(keys.take(limit).map(|key| key.as_str().into())))
            }
            ("store", _) => self.set([(key(), params[1].clone(), None)], true),
            ("storeFor", _) => self.set([(key(), params[1].clone(), deadline(&params[2]))], true),
            ("storeMany", _) => {
                let Value::Struct(members) = &params[0] else { unreachable!() };
                let entries = members.iter().map(|member| (member.name.to_string(), member.value.clone(), None));
                self.set(entries.collect::<Vec<_>>(), true)
            }
            ("fetch", found) => found.map(|(value, _)| value).ok_or_else(Fault::bad_name),
            ("fetchMany", _) => {
                let mut keys: Vec<_> = params[0].as_array().unwrap().iter().map(|key| key.as_str().unwrap()).collect();
                keys.sort_unstable();
                keys.dedup();
                let found = keys.into_iter().filter_map(|key| Some((key, self.entries.get(key)?.0.clone())));
                Ok(Value::structure(found))
            }
            ("delete", _) => {
                self.entries.remove(&key());
                Ok(true.into())
            }
            ("clear", _) => {
                self.entries.clear();
                Ok(true.into())
            }
            ("add", Some(_)) => Ok(false.into()),
            ("add", None) => self.set([(key(), params[1].clone(), deadline(&params[2]))], true),
            ("replaceIf", Some((value, deadline))) if value == params[1] => {
                self.set([(key(), params[2].clone(), deadline)], true)
            }
            ("deleteIf", Some((value, _))) if value == params[1] => {
                self.entries.remove(&key());
                Ok(true.into())
            }
            ("replaceIf" | "deleteIf", _) => Ok(false.into()),
            ("increment", found) => {
                let (old, deadline) = found.unwrap_or((0.into(), None));
                let Some(number) = old.as_i64() else { return Err(Fault::bad_arguments()) };
                let Some(sum) = number.checked_add(params[1].as_i64().unwrap()) else {
                    return Err(Fault::bad_arguments());
                };
                self.set([(key(), sum.into(), deadline)], sum)
            }
            ("expire", Some((value, _))) => {
                self.entries.insert(key(), (value, deadline(&params[1])));
                Ok(true.into())
            }
            ("expire", None) => Ok(false.into()),
            ("getSecondsLeft", Some((_, deadline))) => {
                Ok(deadline.map_or(0.0, |deadline| f64::from(u32::try_from(deadline - now).unwrap())).into())
            }
            ("getSecondsLeft", None) => Err(Fault::bad_name()),
            (other, _) => unreachable!("{other}"),
        }
    }
}

fn key() -> impl Strategy<Value = Value> {
    prop::sample::select(vec!["a", "b", "ab", "ac", "ä"]).prop_map(Value::from)
}

fn value() -> impl Strategy<Value = Value> {
    prop_oneof![
        (0_i32..4).prop_map(Value::from),
        Just(Value::Int64(i64::MAX)),
        prop::sample::select(vec![0_usize, 3, 30, 1500]).prop_map(|len| "x".repeat(len).into()),
        Just(Value::Nil),
        Just(Value::array([1.into(), "y".into()])),
    ]
}

fn seconds() -> impl Strategy<Value = Value> {
    prop::sample::select(vec![0, 5, 15, 25]).prop_map(Value::from)
}

fn step() -> impl Strategy<Value = Step> {
    let call = |name| move |params: Vec<Value>| Step::Call(name, params);
    prop_oneof![
        6 => (key(), value()).prop_map(|(k, v)| vec![k, v]).prop_map(call("store")),
        4 => (key(), value(), seconds()).prop_map(|(k, v, s)| vec![k, v, s]).prop_map(call("storeFor")),
        4 => (key(), value(), seconds()).prop_map(|(k, v, s)| vec![k, v, s]).prop_map(call("add")),
        4 => (key(), value(), value()).prop_map(|(k, e, v)| vec![k, e, v]).prop_map(call("replaceIf")),
        2 => key().prop_map(|k| vec![k]).prop_map(call("delete")),
        3 => (key(), value()).prop_map(|(k, e)| vec![k, e]).prop_map(call("deleteIf")),
        4 => (key(), -2_i32..3).prop_map(|(k, by): (Value, i32)| vec![k, by.into()]).prop_map(call("increment")),
        4 => (key(), seconds()).prop_map(|(k, s)| vec![k, s]).prop_map(call("expire")),
        2 => prop::collection::btree_map(key().prop_map(|key| key.as_str().unwrap().to_owned()), value(), 0..4)
            .prop_map(|entries| vec![Value::structure(entries)]).prop_map(call("storeMany")),
        2 => prop::collection::vec(key(), 0..4).prop_map(|keys| vec![keys.into()]).prop_map(call("fetchMany")),
        4 => key().prop_map(|k| vec![k]).prop_map(call("fetch")),
        2 => key().prop_map(|k| vec![k]).prop_map(call("getSecondsLeft")),
        2 => (prop::sample::select(vec!["", "a", "b"]), 0_i32..3, prop::sample::select(vec!["", "a", "ab", "z"]))
            .prop_map(|(prefix, limit, after)| vec![prefix.into(), limit.into(), after.into()])
            .prop_map(call("listKeys")),
        1 => Just(vec![]).prop_map(call("getKeys")),
        1 => Just(vec![]).prop_map(call("getCount")),
        1 => Just(vec![]).prop_map(call("clear")),
        3 => (1_u64..3).prop_map(Step::Pass),
        1 => Just(Step::Reopen),
    ]
}

fn limits() -> impl Strategy<Value = Limits> {
    let limit = |limits: Vec<u64>| prop::sample::select(limits);
    (limit(vec![0, 0, 2]), limit(vec![0, 0, 250, 2000]), limit(vec![0, 0, 20]))
        .prop_map(|(max_keys, max_bytes, max_value_bytes)| Limits { max_keys, max_bytes, max_value_bytes })
}

/// Equal but for the text of fault 3, and for the time that goes by meanwhile.
fn same(answer: &Result<Value, Fault>, expected: &Result<Value, Fault>, meanwhile: f64) -> bool {
    match (answer, expected) {
        (Ok(Value::Double(left)), Ok(Value::Double(expected))) => {
            (expected - meanwhile - 0.01..=expected + 0.01).contains(left)
        }
        (Err(fault), Err(expected)) if expected.code == 3 => fault.code == 3,
        _ => answer == expected,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_store_does_as_the_model(limits in limits(), steps in prop::collection::vec(step(), 1..60)) {
        // An engine has but one of the limits.
        let of_engines = Limits { max_value_bytes: limits.max_value_bytes, ..Limits::default() };
        let mut all = local_subjects(limits, Clock::standing);
        all.extend(subjects(of_engines, Clock::standing).into_iter().filter(Subject::is_engine));
        for mut subject in all {
            let mut model = Model { limits: subject.limits, ..Model::default() };
            for (number, step) in steps.iter().enumerate() {
                match step {
                    Step::Pass(times) => {
                        model.now += times * 10;
                        subject.pass(Duration::from_secs(times * 10));
                    }
                    Step::Reopen if subject.name == "memory" => {}
                    Step::Reopen => {
                        subject.cache = None;
                        subject.open();
                    }
                    Step::Call(method, params) => {
                        let (answer, expected) = (subject.call(method, params.clone()), model.call(method, params));
                        prop_assert!(
                            same(&answer, &expected, if subject.is_engine() { 4.0 } else { 0.0 }),
                            "{}, step {number}, {method} {params:?}: {answer:?} instead of {expected:?}", subject.name
                        );
                    }
                }
            }
        }
    }
}
