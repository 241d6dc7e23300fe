//! A namespace of the other side of the boundary, called by the names of its methods.

use std::sync::Arc;

use crate::{
    abi::{Fault, MethodInfo, NamespaceObject, Reply, Value},
    fault::Code,
    params::IntoParams,
    value::FromValue,
};

/// Namespace of the other side. Cloning it is cheap.
#[derive(Clone)]
pub(crate) struct RemoteNamespace(Arc<NamespaceObject>);

impl RemoteNamespace {
    /// Hold `namespace`.
    pub(crate) fn new(namespace: NamespaceObject) -> Self {
        Self(Arc::new(namespace))
    }

    /// Descriptions of its methods.
    pub(crate) fn methods(&self) -> Vec<MethodInfo> {
        self.0.methods().into()
    }

    /// Call `method`, and return the reply as it comes, which may be a future.
    pub(crate) fn ask(&self, method: &str, params: impl IntoParams) -> Reply {
        self.0.call(method.into(), params.into_params())
    }

    /// Call `method`, wait on this thread for its answer, and read that into `T`.
    pub(crate) fn call<T: FromValue>(&self, method: &str, params: impl IntoParams) -> Result<T, Fault> {
        read(method, self.ask(method, params).wait()?)
    }
}

/// Read the answer of a published method into `T`. The fault for a method that is not there names it.
pub(crate) fn answer<T: FromValue>(method: &str, answer: Result<Value, Fault>) -> Result<T, Fault> {
    match answer {
        Ok(value) => read(method, value),
        Err(fault) if fault == Fault::unknown_method() => Err(Fault::unknown_method_with(method)),
        Err(fault) => Err(fault),
    }
}

/// Read `answer` into `T`. One that does not fit is the failure of `method`, not a fault of who calls the plugin.
pub(crate) fn read<T: FromValue>(method: &str, answer: Value) -> Result<T, Fault> {
    T::from_value(answer)
        .map_err(|fault| Fault::of(Code::Failed, format_args!("answer of {method}: {}", fault.detail())))
}
