//! To be written.
pub mod abi;
pub mod fault;
impl PartialEq for abi::Value {
    fn eq(&self, _: &Self) -> bool {
        false
    }
}
