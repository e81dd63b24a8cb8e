# Single messages
message-refusal = Error code
message-detail = For the service's developers

# U+2011: a heading does not break inside "sign-in"
invalid-request-heading = Sign{"\u2011"}in cannot be started
invalid-request-text = The service sent a request that we cannot process. Go back to it and try again, or let the service provider know.
unknown-client-heading = The service is not registered
unknown-client-text = The service that you came from is not registered here or has been closed. Let the service provider know.
invalid-redirect-uri-heading = Sign{"\u2011"}in cannot be started
invalid-redirect-uri-text = The address that you would go to after signing in is not registered for the service. Let the service provider know.
embedded-heading = Open the sign{"\u2011"}in in a window of its own
embedded-text = Signing in does not work inside another web page. Go back to the service and open the sign-in in a window of its own.
expired-heading = The sign{"\u2011"}in has expired
expired-text = Too much time went by. You can begin the same sign-in again.
ended-heading = This sign{"\u2011"}in has ended
ended-text = Go back to the service to continue or to start again.
unreadable-heading = This page cannot be opened
unreadable-text = The address is damaged or too old. Go back to the service and start again.
other-browser-heading = The sign{"\u2011"}in was started in another browser
other-browser-text = Go back to the browser in which you began, or start again here.
returned-elsewhere-text = Go back to the browser in which you began, or start again at the service.
cookies-off-heading = Your browser does not allow cookies
cookies-off-text = Signing in needs cookies. Allow them for this site and try again.
invalid-form-heading = The page is too old
invalid-form-text = Nothing has been sent. Open the page again and try once more.
logout-expired-heading = The request to sign out has expired
logout-expired-text = Go back to the service and sign out from there.
no-certificate-heading = The browser showed no card
no-certificate-text = Put the card in the reader and try again. If you have chosen the wrong certificate, close all browser windows first.
too-many-requests-heading = Too many attempts
too-many-requests-text =
    { $minutes ->
        [one] Wait { $minutes } minute and then try again.
       *[other] Wait { $minutes } minutes and then try again.
    }
not-found-heading = The page was not found
not-found-text = There is no page at this address. Check that it is typed correctly.
method-not-allowed-heading = The page cannot be opened like this
method-not-allowed-text = Go back to the service and start again.
too-large-heading = The request is too large
too-large-text = The service sent too much data. Let the service provider know.
failure-heading = Something went wrong on our side
failure-text = Try again shortly. If that does not help, contact us and give the reference number.
unavailable-heading = Signing in is not possible at the moment
unavailable-text = We are working on it. Try again shortly.
