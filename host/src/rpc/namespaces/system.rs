//! The namespace `system`: a description of all that can be called, and many calls in one.

use std::sync::Arc;

use plugin_api::{Fault, RVec, Value, abi::NamespaceObject, namespace, rpc_interface};

use crate::{
    rpc::{
        method::Caller,
        registry::{Registry, RegistryRef},
    },
    xmlrpc::{ANSWER_LIMIT, readable, size_up_to, too_large},
};

/// Number of calls of a multicall after which others get a turn.
const TURN: usize = 256;

/// The namespace `system`.
pub(crate) struct System {
    registry: RegistryRef,
}

impl System {
    /// Make the object, which describes the methods of the registry.
    pub(crate) fn namespace(registry: RegistryRef) -> NamespaceObject {
        namespace(Arc::new(Self { registry }))
    }
}

#[rpc_interface]
impl System {
    /// List all methods that can be called.
    ///
    /// # Returns
    /// Their full names, in order.
    #[rpc(nonblocking, returns = "array")]
    pub fn list_methods(&self) -> Result<Vec<String>, Fault> {
        let registry = self.registry.get()?;
        let mut names: Vec<String> = registry.names().map(str::to_owned).collect();
        names.sort_unstable();
        Ok(names)
    }

    /// Explain a method.
    ///
    /// # Returns
    /// The text of its documentation.
    #[rpc(nonblocking)]
    pub fn method_help(
        &self,
        /// The full name of the method.
        #[rpc(kind = "string")]
        name: Value,
    ) -> Result<String, Fault> {
        let registry = self.registry.get()?;
        let info = name.as_str().and_then(|name| registry.info(name)).ok_or_else(Fault::signature_unsupported)?;
        Ok(info.help.to_string())
    }

    /// Tell the types of a method.
    ///
    /// # Returns
    /// The type of what it returns, then the types of its parameters in their order.
    #[rpc(nonblocking, returns = "array")]
    pub fn method_signature(
        &self,
        /// The full name of the method.
        #[rpc(kind = "string")]
        name: Value,
    ) -> Result<Vec<String>, Fault> {
        let registry = self.registry.get()?;
        let info = name
            .as_str()
            .and_then(|name| registry.info(name))
            .filter(|info| !info.returns.is_empty())
            .ok_or_else(Fault::signature_unsupported)?;
        let params = info.params.iter().map(|param| &param.kind);
        Ok(std::iter::once(&info.returns).chain(params).map(ToString::to_string).collect())
    }

    /// Make many calls in one, one after the other.
    ///
    /// A call that fails does not keep the others from being made. The results stand bare in the array, as Supervisor
    /// has always returned them, and not each in an array of its own.
    ///
    /// # Returns
    /// For each call its result or, where it failed, a struct with faultCode and faultString.
    #[rpc(returns = "array")]
    pub async fn multicall(
        &self,
        /// Structs with methodName and, unless there are none, params.
        #[rpc(kind = "array")]
        calls: Value,
    ) -> Result<Value, Fault> {
        multicall(&*self.registry.get()?, Caller::Client, calls, ANSWER_LIMIT).await
    }
}

/// Make the calls for as long as their results are together no larger than `limit` bytes. Those that are left are
/// answered with a fault, and are not made.
pub(crate) async fn multicall(registry: &Registry, caller: Caller, calls: Value, limit: usize) -> Result<Value, Fault> {
    let Value::Array(calls) = calls else { return Err(Fault::incorrect_parameters()) };
    let mut results = RVec::with_capacity(calls.len());
    let mut size = 0;
    for (index, call) in calls.into_iter().enumerate() {
        if index % TURN == TURN - 1 {
            tokio::task::yield_now().await;
        }
        let result = if size > limit { Err(too_large()) } else { one(registry, caller, call).await };
        let result = result.and_then(|value| {
            size += size_up_to(&value, limit - size);
            if size > limit { Err(too_large()) } else { Ok(value) }
        });
        results.push(match result {
            Ok(value) => value,
            Err(fault) => {
                let text = readable(&fault.text).as_ref().into();
                Value::structure([("faultCode", fault.code.into()), ("faultString", text)])
            }
        });
    }
    Ok(Value::Array(results))
}

/// Make one call of a multicall.
async fn one(registry: &Registry, caller: Caller, call: Value) -> Result<Value, Fault> {
    let (mut name, mut params) = (Value::Nil, None);
    if let Value::Struct(members) = call {
        for member in members {
            match member.name.as_str() {
                "methodName" => name = member.value,
                "params" => params = Some(member.value),
                _ => {}
            }
        }
    }
    let Some(name) = name.as_str() else {
        return Err(Fault::incorrect_parameters_with("No methodName"));
    };
    if name == "system.multicall" {
        return Err(Fault::incorrect_parameters_with("Recursive system.multicall forbidden"));
    }
    let params = match params {
        None => RVec::new(),
        Some(params) => match elements(params) {
            Some(params) => params,
            // Of a method that is not there, the parameters do not matter.
            None if !registry.has(caller, name) => return Err(Fault::unknown_method()),
            None => return Err(Fault::incorrect_parameters()),
        },
    };
    registry.call_from(caller, name, params).await
}

/// Take a value for a list, as Python does: a string is the list of its characters, a struct that of its members'
/// names.
fn elements(value: Value) -> Option<RVec<Value>> {
    match value {
        Value::Array(elements) => Some(elements),
        Value::Struct(members) => Some(members.into_iter().map(|member| Value::String(member.name)).collect()),
        other => Some(other.as_str()?.chars().map(|character| Value::from(character.to_string())).collect()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Store;

    #[rpc_interface]
    impl Store {
        #[rpc(nonblocking)]
        pub fn fetch(&self) -> Value {
            Value::from("x".repeat(1000))
        }
    }

    #[test]
    fn results_that_are_too_large_together_become_faults() {
        let registry = Registry::of(vec![("store".to_owned(), namespace(Arc::new(Store)), crate::rpc::Origin::Plugin)]);
        let calls = Value::array((0..10).map(|_| Value::structure([("methodName", Value::from("store.fetch"))])));
        let results = plugin_api::block_on(multicall(&registry, Caller::Client, calls, 3500)).unwrap();
        let Value::Array(results) = results else { panic!("{results:?}") };
        assert_eq!(results.len(), 10);
        assert!(results[..3].iter().all(|result| result.as_str().is_some()));
        for result in &results[3..] {
            assert!(plugin_api::repr(result).contains("FAILED: the answer is too large, more than 256 MiB"));
        }
    }
}
