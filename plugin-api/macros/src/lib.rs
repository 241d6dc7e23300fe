//! The attribute macros of `supervisor-plugin-api`. Use them through that crate, whose front page shows them at work.
//!
//! `rpc_interface` and `ctl_plugin` turn an inherent `impl` block into a `Methods` implementation: the block stays as
//! it is, and beside it comes a table of what is published and one `match` from names to calls. The derives make types
//! of the author's own parameters and results.
//!
//! The modules are floors; each imports only from those above it in this list.

mod derive;
mod docs;
mod event_types;
mod kind;
mod names;

mod attributes;

mod method;

mod check;

mod interface;

mod expand;

use proc_macro::TokenStream;
use syn::{DeriveInput, parse_macro_input};

use crate::kind::Kind;

/// Publish the `pub fn`s of an `impl` block as the methods of an RPC interface.
///
/// * `get_keys` is published as `getKeys`; `#[rpc(name = "getAPIVersion")]` gives another name,
///   and `#[rpc(alias = "getVersion")]` one more.
/// * The doc comment is the text of `system.methodHelp`, a section `# Returns` says what comes back, and each parameter
///   can have a doc comment of its own. The types give `system.methodSignature`;
///   `#[rpc(kind = "string")]` on a parameter and `#[rpc(returns = "integer")]` on the method say otherwise.
/// * Parameters of type `Option` at the end may be left out.
/// * The result is a value or `Result<value, Fault>`.
/// * `#[rpc(nonblocking)]` promises that the method never waits, for a lock, a disk, or anything else: then it is
///   called on the server's own thread, which saves the way to another. What it asks the host for and is not there at
///   once is a fault.
/// * An `async fn` answers later, and holds no thread meanwhile.
/// * Functions that are not `pub` are yours alone, but for those that the host is to call of its own accord:
///   `#[rpc(on_start)] fn` once when everything may be called, `#[rpc(on_event = "PROCESS_STATE, TICK_60")] fn` with
///   each event of these types, `#[rpc(on_shutdown)] fn` before the end. They may be `async`.
/// * `#[rpc(panel = "Notes")] fn` is called by supervisord for its page, with a `PanelQuery`, and returns the `Panel`: a
///   table under that title. There may be several.
/// * `#[rpc(on_upgrade)] fn` is called before supervisord makes itself anew in place. Its result is handed to the
///   plugin's factory there, as `Host::handed_over`; a fault hands nothing over. It keeps what it hands over, since the
///   upgrade may still be called off.
/// * `#[rpc(on_metrics)] fn` is called when somebody looks at supervisord's `/metrics`; its result,
///   `plugin_api::Metrics`, is told there.
/// * `#[rpc_interface(refuse_in_shutdown)]` has supervisord answer `SHUTDOWN_STATE` to every call of these methods
///   while it shuts down, and not enter the plugin for it. Without it they are called until the end.
///
/// A type has one such block. Further methods of its own may stand in other `impl` blocks, without the attribute; they
/// are not published. A second block with it is the error `conflicting implementations of trait Methods`.
#[proc_macro_attribute]
pub fn rpc_interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::Item);
    expand::publish(Kind::Rpc, &arguments.into(), block).into()
}

/// Publish the `pub fn`s of an `impl` block as commands of supervisorctl.
///
/// * A command has the function's own name; `#[ctl(name = "…")]` gives another. Its letters are those of Supervisor's
///   shell: a to z in both cases, digits, and underscores.
/// * The doc comment is its help text. The usage before it is made from the parameters, `cache_store <key> <value>`;
///   `#[ctl(usage = "…")]` gives another.
/// * Parameters are the words of the command line: `String` or a number is one word, `Option` at the end may be left
///   out, `Vec` at the end takes all further words.
/// * `#[ctl(complete = "processes")]`, `"groups"` or `"actions"` says what the tabulator key offers.
/// * `#[ctl(complete_with = "keys")]` names a function of the block that says it: `fn keys(&self, words: &[String]) ->
///   Vec<String>`, or a `Result` of that. It is given the words before the one at the cursor.
///
/// A type has one such block, as of [`rpc_interface`](macro@rpc_interface).
#[proc_macro_attribute]
pub fn ctl_plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::Item);
    expand::publish(Kind::Ctl, &arguments.into(), block).into()
}

/// Make a type with serde's `Deserialize` a parameter of published methods, and what the answer of a call can be read
/// into.
///
/// A struct is read from an XML-RPC struct, an enum of plain variants from a string. The fields are read as leniently
/// as parameters are. Members that the struct does not have are skipped, unless it says
/// `#[serde(deny_unknown_fields)]`.
#[proc_macro_derive(FromValue)]
pub fn from_value(item: TokenStream) -> TokenStream {
    derive::from_value(&parse_macro_input!(item as DeriveInput)).into()
}

/// Expand to the list of Supervisor's types of events. Used by `plugin_api::Event::SUPERVISOR_TYPES`, which is the list
/// for everybody else.
#[doc(hidden)]
#[proc_macro]
pub fn list_event_types(_: TokenStream) -> TokenStream {
    let types = event_types::EVENT_TYPES;
    quote::quote! { [#(#types),*] }.into()
}

/// Make a type with serde's `Serialize` a result of published methods, and a parameter of calls.
///
/// A struct becomes an XML-RPC struct, an enum of plain variants a string, `None` nil.
///
/// It panics, which the caller of the method gets as a fault, where serde cannot write the type: a map with keys that
/// are no strings, numbers or names, or a `Serialize` by hand that refuses.
#[proc_macro_derive(IntoValue)]
pub fn into_value(item: TokenStream) -> TokenStream {
    derive::into_value(&parse_macro_input!(item as DeriveInput)).into()
}
