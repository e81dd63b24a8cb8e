//! What the simulator can be told to play, by the names that the control API takes: for `demo.json` (eid.md §11.3).

use serde::{
    Deserialize,
    de::{Deserializer, Error as _, Visitor, value::Error},
    forward_to_deserialize_any,
};
use serde_json::{Value, json};

use super::{
    behaviour::{Action, Method},
    fault::{AppLie, CertificateLie, ReplyLie, SignatureLie, TokenLie},
    mode::ModeName,
    op::OpFault,
    services::{CrlMood, MobileIdMood, OcspMood},
};

/// Each of them with its request and the values that its fields may have; `control` is where the control API is.
pub fn of(control: &str) -> Value {
    let methods = names::<Method>();
    let faults: Vec<&str> =
        [names::<CertificateLie>(), names::<SignatureLie>(), names::<ReplyLie>(), names::<TokenLie>(), names::<AppLie>()]
            .concat();
    json!({
        "behaviour": {
            "request": format!("PUT {control}/persons/{{national_id}}/behaviour"),
            "back": format!("DELETE {control}/persons/{{national_id}}/behaviour"),
            "method": methods, "action": names::<Action>(), "fault": faults,
        },
        "certificate": {
            "request": format!("POST {control}/persons/{{national_id}}/revoke"),
            "back": format!("POST {control}/persons/{{national_id}}/unrevoke"),
            "method": methods,
        },
        "broker": {
            "request": format!("PUT {control}/op/persons/{{national_id}}"),
            "back": format!("DELETE {control}/op/persons/{{national_id}}"),
            "fault": names::<OpFault>(),
        },
        "services": {
            "request": format!("PUT {control}/services"),
            "back": format!("PUT {control}/services"),
            "ocsp": names::<OcspMood>(), "crl": names::<CrlMood>(),
            "mid": names::<MobileIdMood>(), "smartid": names::<MobileIdMood>(),
        },
        "mode": {
            "request": format!("PUT {control}/mode"),
            "back": format!("POST {control}/reset"),
            "mode": names::<ModeName>(),
        },
        "load": {
            "request": format!("POST {control}/persons/load"),
            "back": format!("POST {control}/persons/load"),
            "count": super::crowd::MOST_PEOPLE, "keyPool": super::crowd::MOST_KEYS,
        },
    })
}

/// The names of an enumeration, as serde reads them.
fn names<T: for<'de> Deserialize<'de>>() -> &'static [&'static str] {
    let mut names: &'static [&'static str] = &[];
    // it never reads a value: it is only asked which there are
    drop(T::deserialize(Names(&mut names)));
    names
}

struct Names<'a>(&'a mut &'static [&'static str]);

impl<'de> Deserializer<'de> for Names<'_> {
    type Error = Error;

    fn deserialize_any<V: Visitor<'de>>(self, _: V) -> Result<V::Value, Error> {
        Err(Error::custom("no enumeration"))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _: &'static str,
        variants: &'static [&'static str],
        _: V,
    ) -> Result<V::Value, Error> {
        *self.0 = variants;
        Err(Error::custom("no value"))
    }

    forward_to_deserialize_any! {
        bool i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 f64 char str string bytes byte_buf option unit unit_struct
        newtype_struct seq tuple tuple_struct map struct identifier ignored_any
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::eid_simulator::fault::Fault;

    #[test]
    fn every_name_in_the_catalogue_is_one_that_the_control_api_knows() {
        let catalogue = of("https://localhost/control");
        let listed = |what: &str, field: &str| -> Vec<Value> { catalogue[what][field].as_array().expect("names").clone() };
        for name in listed("behaviour", "fault") {
            serde_json::from_value::<Fault>(name).expect("a fault");
        }
        let refusal = serde_json::from_value::<Fault>("nonsense".into()).expect_err("unknown").to_string();
        let known = refusal.split("one of ").nth(1).expect("names").split(", ").count();
        assert_eq!(listed("behaviour", "fault").len(), known);
        assert_eq!(listed("behaviour", "method"), ["sim", "card", "app", "*"]);
        assert_eq!(listed("services", "crl"), ["ok", "stale", "down"]);
        assert_eq!(listed("services", "mid"), ["ok", "500", "503", "401", "drop"]);
        assert!(listed("broker", "fault").contains(&json!("wrongIss")));
        assert!(listed("behaviour", "action").contains(&json!("approve")));
    }
}
