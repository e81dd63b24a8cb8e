//! One integration binary; folders mirror http/, files mirror endpoints.
