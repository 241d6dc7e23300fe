//! The attribute macros of `supervisor-plugin-api`. Use them through that crate, whose front page shows them at work.
//!
//! Both turn an inherent `impl` block into a `Methods` implementation: the block stays as it is, and beside it comes a
//! table of what is published and one `match` from names to calls.

mod attributes;
mod check;
mod docs;
mod expand;
mod interface;
mod names;

use proc_macro::TokenStream;
use syn::parse_macro_input;

/// Publishes the `pub fn`s of an `impl` block as the methods of an RPC interface.
///
/// * `get_keys` is published as `getKeys`; `#[rpc(name = "getAPIVersion")]` gives another name.
/// * The doc comment is the text of `system.methodHelp`, a section `# Returns` says what comes back, and each parameter
///   can have a doc comment of its own. The types give `system.methodSignature`;
///   `#[rpc(kind = "string")]` on a parameter and `#[rpc(returns = "integer")]` on the method say otherwise.
/// * Parameters of type `Option` at the end may be left out.
/// * The result is a value or `Result<value, Fault>`.
/// * `#[rpc(nonblocking)]` promises that the method never waits, for a lock, a disk, or anything else: then it is called
///   on the server's own thread, which saves the way to another.
/// * An `async fn` answers later, and holds no thread meanwhile.
/// * Functions that are not `pub` are yours alone.
#[proc_macro_attribute]
pub fn rpc_interface(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::Item);
    expand::publish(interface::Kind::Rpc, &arguments.into(), block).into()
}

/// Publishes the `pub fn`s of an `impl` block as commands of supervisorctl.
///
/// * A command has the function's own name; `#[ctl(name = "…")]` gives another.
/// * The doc comment is its help text. The usage before it is made from the parameters, `cache_store <key> <value>`;
///   `#[ctl(usage = "…")]` gives another.
/// * Parameters are the words of the command line: `String` or a number is one word, `Option` at the end may be left out,
///   `Vec` at the end takes all further words.
/// * `#[ctl(complete = "processes")]`, `"groups"` or `"actions"` says what the tabulator key offers.
#[proc_macro_attribute]
pub fn ctl_plugin(arguments: TokenStream, item: TokenStream) -> TokenStream {
    let block = parse_macro_input!(item as syn::Item);
    expand::publish(interface::Kind::Ctl, &arguments.into(), block).into()
}
