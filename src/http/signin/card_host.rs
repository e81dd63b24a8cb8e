//! GET /signin/card/{ticket} on the card host, a name or port of its own: the browser shows a certificate in the handshake of the
//! connection, and takes it back to us as a sealed proof (eid.md §4.4). This host has no cookies, stores nothing and shows nothing
//! personal; whether the certificate is worth anything is judged where the browser's cookie is.

use axum::{
    extract::{Path, State},
    http::HeaderMap,
    response::Response,
};

use crate::{
    app::App,
    flows::sign_in::CertificatePass,
    http::{
        error::page::PageRefusal,
        extract::client_certificate::ShownCertificate,
        html::see_other,
        language,
        page::{Label, message::Message},
    },
    model::urls::{Urls, path},
    protocol::refusals,
};

/// Takes the certificate back with the browser; without one, a page that says so.
pub async fn get(
    State(app): State<App>,
    Path(ticket): Path<String>,
    headers: HeaderMap,
    ShownCertificate(certificate): ShownCertificate,
) -> Result<Response, Response> {
    let now = app.clock.now();
    let Some(pass) = CertificatePass::read_ticket(&app, &ticket) else {
        let refusal = PageRefusal::new(Message::Unreadable, &refusals::SIGN_IN_UNREADABLE);
        return Err(refusal.respond(&app, language::negotiate(None, &[], None, &headers)));
    };
    let back = |name, value: &str| app.urls.absolute(&Urls::with_parameters(path::CARD_RETURN, &[(name, value)]));
    let refused = |message, refusal| {
        let refusal = PageRefusal::new(message, refusal).with_button(Label::TryAgain, Some(back("ticket", &ticket)));
        refusal.respond(&app, pass.language)
    };
    if pass.is_over(now) {
        return Err(refused(Message::Expired, &refusals::SIGN_IN_EXPIRED));
    }
    // X5-08: as if none had come, where one came by a way that anybody could have taken
    let proof = certificate.and_then(|certificate| pass.proof(&app, &certificate, now));
    let proof = proof.ok_or_else(|| refused(Message::NoCertificate, &refusals::SIGN_IN_NO_CERTIFICATE))?;
    Ok(see_other(&back("proof", &proof)))
}
