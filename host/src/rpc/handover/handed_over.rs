//! Values by the sections of the plugins that handed them over.

use std::{collections::BTreeMap, sync::Arc};

use parking_lot::Mutex;
use plugin_api::Value;
use serde::{Deserialize, Serialize};

use super::value_codec::HandedValue;
use crate::xmlrpc::memory_up_to;

/// Bytes of memory that one plugin may hand over. There are three of them for a while: in the plugin, here, and as they
/// are written.
const LIMIT: usize = 256 << 20;

/// Values that plugins handed over in an upgrade, each by the section of its plugin: `rpcinterface:cache`. Empty at an
/// ordinary start.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct HandedOver(BTreeMap<String, HandedValue>);

impl HandedOver {
    /// Take a value in. The error says why it cannot be.
    pub(crate) fn insert(&mut self, section: String, value: Value) -> Result<(), String> {
        if memory_up_to(&value, LIMIT) > LIMIT {
            return Err(format!("what it hands over is larger than {} MiB", LIMIT >> 20));
        }
        self.0.insert(section, HandedValue(value));
        Ok(())
    }

    /// Take out the value for the plugin of that section, to be offered to it.
    pub(crate) fn offer(&mut self, section: &str) -> Offer {
        Offer(Arc::new(Mutex::new(self.0.remove(section).map(|value| value.0))))
    }

    /// Sections whose values are still here.
    pub fn sections(&self) -> impl Iterator<Item = &str> {
        self.0.keys().map(String::as_str)
    }

    /// Value of a section, which is still here.
    pub fn get(&self, section: &str) -> Option<&Value> {
        self.0.get(section).map(|value| &value.0)
    }
}

/// A value that is offered to one plugin. Clones are the same one.
#[derive(Clone, Debug, Default)]
pub(crate) struct Offer(Arc<Mutex<Option<Value>>>);

impl Offer {
    /// Take the value, if there is one that nobody has taken.
    pub(crate) fn take(&self) -> Option<Value> {
        self.0.lock().take()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_for_their_sections_alone_and_taken_once() {
        let mut all = HandedOver::default();
        all.insert("rpcinterface:a".to_owned(), 1.into()).unwrap();
        all.insert("rpcinterface:b".to_owned(), Value::Base64(vec![0; 1 << 20].into())).unwrap();
        let bytes = rmp_serde::to_vec_named(&all).unwrap();
        let mut again: HandedOver = rmp_serde::from_slice(&bytes).unwrap();
        assert_eq!(again, all);
        let offer = again.offer("rpcinterface:a");
        assert_eq!((offer.clone().take(), offer.take()), (Some(1.into()), None));
        assert_eq!(again.offer("rpcinterface:c").take(), None);
        assert_eq!(again.sections().collect::<Vec<_>>(), ["rpcinterface:b"]);
        assert!(again.get("rpcinterface:b").is_some() && again.get("rpcinterface:a").is_none());
    }

    #[test]
    fn what_is_too_large_stays_outside() {
        let mut all = HandedOver::default();
        let bytes = |len: usize| Value::Base64(vec![0; len].into());
        all.insert("rpcinterface:large".to_owned(), bytes(LIMIT - 100)).unwrap();
        for value in [bytes(LIMIT), Value::array((0..6_000_000).map(Value::Int))] {
            let error = all.insert("rpcinterface:larger".to_owned(), value).unwrap_err();
            assert_eq!(error, "what it hands over is larger than 256 MiB");
        }
        assert_eq!(all.sections().collect::<Vec<_>>(), ["rpcinterface:large"]);
    }
}
