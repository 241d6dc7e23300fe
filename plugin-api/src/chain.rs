//! Two sets of methods under one name.

use std::{collections::HashSet, fmt, sync::Arc};

use abi_stable::std_types::RVec;

use crate::{
    abi::{Member, MethodInfo, Reply, Value},
    interface::Methods,
};

/// The methods of two types as those of one RPC interface: a factory returns `Chain::new(first, second)`.
///
/// A type has one block of published methods; one that has become long is two types that share what they work on. Where
/// both have a method of one name, that of the second is called; so it is with `on_start`, `on_upgrade`,
/// `on_metrics` and `on_shutdown`, of which one of the two has each.
///
/// ```
/// use plugin_api::{Chain, rpc_interface};
///
/// struct Reading;
///
/// #[rpc_interface]
/// impl Reading {
///     pub fn read(&self) -> &'static str {
///         "buy cat food"
///     }
/// }
///
/// struct Writing;
///
/// #[rpc_interface]
/// impl Writing {
///     pub fn write(&self, note: String) -> usize {
///         note.len()
///     }
/// }
///
/// let board = plugin_api::testing::Published::of(Chain::new(Reading, Writing));
/// assert_eq!(board.call("read", ()), Ok("buy cat food".to_owned()));
/// assert_eq!(board.call("write", ("feed the cat",)), Ok(12));
/// ```
pub struct Chain<A, B> {
    first: Arc<A>,
    second: Arc<B>,
    /// The names of the second's methods, the host's own line among them.
    of_second: HashSet<String>,
    /// Set where the second's methods are left out of `system.listMethods`.
    second_is_unlisted: bool,
}

impl<A: Methods, B: Methods> Chain<A, B> {
    /// The methods of `first`, then those of `second`.
    pub fn new(first: A, second: B) -> Self {
        let of_second = second.methods().into_iter().map(|method| method.name.into()).collect();
        Self { first: Arc::new(first), second: Arc::new(second), of_second, second_is_unlisted: false }
    }

    /// Leave the methods of the second out of `system.listMethods`, for clients that know what is listed. They can be
    /// called, and their signatures and help asked for, all the same.
    #[must_use]
    pub fn unlisted(self) -> Self {
        Self { second_is_unlisted: true, ..self }
    }
}

// Whoever forgot the macro's attribute is not helped by this one.
#[diagnostic::do_not_recommend]
impl<A: Methods, B: Methods> Methods for Chain<A, B> {
    fn methods(&self) -> Vec<MethodInfo> {
        let mut methods = self.first.methods();
        methods.retain(|method| !self.of_second.contains(method.name.as_str()));
        let mut of_second = self.second.methods();
        if self.second_is_unlisted {
            for method in &mut of_second {
                method.properties.push(Member::new("unlisted", true));
            }
        }
        methods.extend(of_second);
        methods
    }

    fn call(self: Arc<Self>, method: &str, params: RVec<Value>) -> Reply {
        if self.of_second.contains(method) {
            Methods::call(Arc::clone(&self.second), method, params)
        } else {
            Methods::call(Arc::clone(&self.first), method, params)
        }
    }
}

impl<A, B> fmt::Debug for Chain<A, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chain").field("of_second", &self.of_second).finish_non_exhaustive()
    }
}
