//! Static files: compiled in, named by their content, so that a browser may keep them for ever and never has an old one.

use std::sync::LazyLock;

use axum::{
    Router,
    http::header,
    response::{IntoResponse, Response},
    routing::get,
};

use crate::base::digest;

/// (name, media type, content) of every file.
const FILES: [(&str, &str, &[u8]); 4] = [
    ("main.css", "text/css; charset=utf-8", include_bytes!("../../static/main.css")),
    ("signin.js", "text/javascript; charset=utf-8", include_bytes!("../../static/signin.js")),
    ("web_eid.js", "text/javascript; charset=utf-8", include_bytes!("../../static/web_eid.js")),
    ("favicon.svg", "image/svg+xml", include_bytes!("../../static/favicon.svg")),
];

struct Asset {
    name: &'static str,
    /// `main.u1Zk3_Xv9aPq.css`
    hashed_name: String,
    media_type: &'static str,
    content: &'static [u8],
}

static ASSETS: LazyLock<Vec<Asset>> = LazyLock::new(|| {
    FILES
        .iter()
        .map(|&(name, media_type, content)| {
            let hash = digest::base64url(&digest::sha256(&[content])[..9]);
            let (stem, extension) = name.rsplit_once('.').unwrap_or((name, ""));
            Asset { name, hashed_name: format!("{stem}.{hash}.{extension}"), media_type, content }
        })
        .collect()
});

/// The path of the file `name` (`main.css`), with the hash of its content in it. A file that does not exist gives a path that
/// answers 404; a test reads the templates and knows each name.
pub fn asset_url(name: &str) -> String {
    let hashed_name = ASSETS.iter().find(|asset| asset.name == name).map_or(name, |asset| &asset.hashed_name);
    format!("/static/{hashed_name}")
}

/// A route for each file under the name with its hash; any other name is a path that does not exist.
pub fn routes<S: Clone + Send + Sync + 'static>() -> Router<S> {
    ASSETS.iter().fold(Router::new(), |router, asset| {
        router.route(&format!("/static/{}", asset.hashed_name), get(|| async { asset.to_response() }))
    })
}

impl Asset {
    /// The file, to be kept for ever.
    fn to_response(&self) -> Response {
        let headers = [(header::CONTENT_TYPE, self.media_type), (header::CACHE_CONTROL, "public, max-age=31536000, immutable")];
        (headers, self.content).into_response()
    }
}
