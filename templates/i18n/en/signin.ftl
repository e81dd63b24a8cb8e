# Choice of method
choose-heading = Choose how you want to sign in
choose-last-used = Used last
choose-account-heading = Who is signing in?
choose-account-text = You are already signed in as { $name }.
choose-account-current = Continue as { $name }
choose-account-other = Sign in as someone else

method-sim = Electronic ID on a SIM card
method-sim-hint = You confirm on your phone with your PIN
method-app = Auðkenni mobile app
method-app-hint = You confirm in the app
method-card = Identity card
method-card-hint = Needs a card reader
method-elsewhere-hint = You go on at the page of the provider

# Phone number or kennitala
start-heading = Sign in
start-phone-number-heading = Enter your phone number
start-phone-number-label = Phone number
start-phone-number-hint = 7 digits
start-national-id-heading = Enter your kennitala
start-national-id-label = Kennitala (national ID number)
start-national-id-hint = 10 digits
start-apps-heading = Or without your kennitala
start-app-heading = Sign in with the app
start-app-other-device = Show a QR code
start-app-other-device-hint = The app is on another device
start-app-this-device = Open the app on this device
start-app-this-device-hint = You come back here after you confirm
start-time-limit =
    { $seconds ->
        [one] You will get a request on your phone and have { $seconds } second to confirm it.
       *[other] You will get a request on your phone and have { $seconds } seconds to confirm it.
    }

# Waiting for the phone
wait-heading = Confirm on your phone
wait-app-heading = Confirm in the app
wait-sent = A request has been sent to your phone.
wait-app-soon = The request will reach the app in a moment.
wait-checking = One moment …
wait-redirect-heading = Sign in at your provider
wait-redirect-text = You sign in on the page of { $host } and come back here afterwards.
wait-code = Verification code
wait-compare = Compare the code here with the one on your phone. Enter your PIN only if they are the same.
wait-choose = Choose this number in the app and then enter your PIN. Decline if the number is not there.
wait-qr-heading = Scan the QR code with the app
wait-qr-how = Open the app, choose scan and point the phone at the code. The code renews itself.
wait-qr-label = QR code for the app
wait-qr-warn = Only scan a code that is shown on { $host }.
wait-qr-stale = Connection lost. A new code appears when the connection is back.
wait-other-app = Use the app in another way
wait-open-app-heading = Open the app
wait-open-app = Open the app
wait-open-app-after = After you confirm you come back here.
wait-never = Never confirm a request that you did not start.
wait-status = Waiting for your confirmation …
wait-time-left = Time left:
wait-left =
    { $seconds ->
        [one] The request expires in { $seconds } second.
       *[other] The request expires in { $seconds } seconds.
    }
wait-verified-heading = You are signed in
wait-verified-service = You are now taken to { $service }.
wait-verified-text = You are now taken to the service.
wait-failed-heading = You could not be signed in
wait-elsewhere-heading = This sign{"\u2011"}in is complete
wait-elsewhere-text = You completed it in another window. You can close this one, or continue here.

# Identity card
card-heading = Insert your card in the reader
card-start = You need an identity card with an electronic ID, and a card reader.
card-read = Read card
card-pin = Choose the authentication certificate and enter your PIN.
card-install = The card software was not found. Install it and restart the browser.
card-update = The card software must be updated.
card-already-open = A window of the card software is already open. Go on there, or close it and try again.
card-failed = The card could not be read. Check that it is in the reader and try again.
card-insecure = Cards can be read over a secure connection only. Let us know.
card-no-script = The card software needs JavaScript, which is switched off in your browser.
card-mtls = Use the browser's certificate dialog
card-close = Close all browser windows to choose another certificate.

# What can go wrong
problem-summary = We could not continue
problem-phone-number = Enter a phone number with 7 digits.
problem-national-id = A kennitala has 10 digits. Check that you typed it correctly.
problem-company-national-id = This is a company number. Sign in with your own kennitala.
problem-cancelled = The sign-in was cancelled.
problem-timed-out = The request timed out.
problem-unreachable = The phone could not be reached. Check that it is on and has coverage.
problem-not-available = Sign-in could not be started with these details. Check the number or choose another way.
problem-blocked = The electronic ID is locked or not active. Contact its issuer.
problem-wrong-code = The wrong code was chosen. Start again.
problem-app-outdated = Update the app and try again.
problem-rejected = The electronic ID could not be verified. Try again or choose another way.
problem-busy = Another sign-in is in progress for this number. Wait a minute and try again.
problem-too-many-attempts =
    { $minutes ->
        [one] Too many attempts. Try again in { $minutes } minute.
       *[other] Too many attempts. Try again in { $minutes } minutes.
    }
problem-unavailable = The service does not answer right now. Try again shortly or choose another way.
problem-assurance-too-low = This electronic ID is not secure enough for the service. Choose another way.

# Consent
consent-heading = { $client } asks for access
consent-organisation = Service provider
consent-person = Signed in as
consent-redirect-host = The answer is sent to
consent-scopes = If you allow it, the service gets
consent-required = Required
consent-emphasized = Read carefully
consent-remembered = Your choice is remembered, so that you need not answer again next time.
consent-once = Your approval is for this time only.

scope-openid-name = Who you are
scope-openid-description = Your kennitala (national ID number) and your identifier at the service.
scope-profile-name = Your name
scope-profile-description = Your full name.
scope-offline-access-name = Access while you are away
scope-offline-access-days =
    { $count ->
        [one] The service keeps its access for up to { $count } day without you signing in again.
       *[other] The service keeps its access for up to { $count } days without you signing in again.
    }
scope-offline-access-hours =
    { $count ->
        [one] The service keeps its access for up to { $count } hour without you signing in again.
       *[other] The service keeps its access for up to { $count } hours without you signing in again.
    }
scope-offline-access-minutes =
    { $count ->
        [one] The service keeps its access for up to { $count } minute without you signing in again.
       *[other] The service keeps its access for up to { $count } minutes without you signing in again.
    }

# The answer to the service
form-post-heading = One moment …
form-post-text = The answer is being sent to the service. Press the button if nothing happens.

# Signing out
end-session-heading = Do you want to sign out?
end-session-person = You are signed in as { $name }.
end-session-text = If you sign out, you will have to identify yourself again the next time you sign in.
end-session-logout = Sign out
end-session-cancel = No, stay signed in
logged-out-heading = You have signed out
logged-out-text = You can close this window. Close the whole browser if others use this computer.
