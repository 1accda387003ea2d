// The real supabase-js, unchanged, signing in against the address in FITNESSHUB_URL.
// Prints one JSON object with what happened; the test that runs this judges it.
import { createClient } from '@supabase/supabase-js'

const url = process.env.FITNESSHUB_URL
// supabase-js sends its key as `apikey` and, until somebody signs in, as a bearer token. Ours ignores it.
const anonymousKey = 'eyJhbGciOiJIUzI1NiJ9.eyJyb2xlIjoiYW5vbiJ9.c2lnbmF0dXJl'
const email = process.env.FITNESSHUB_EMAIL
const password = 'correct horse battery'
const options = { auth: { autoRefreshToken: false, persistSession: false } }
const client = () => createClient(url, anonymousKey, options)
const failure = ({ error }) => error && { name: error.name, status: error.status, code: error.code, reasons: error.reasons }

const told = {}
const ada = client()

const weak = await ada.auth.signUp({ email, password: 'password123' })
told.weak = failure(weak)

const signedUp = await ada.auth.signUp({ email, password, options: { data: { name: 'Ada', plates: [20, 2.5] } } })
told.signUpFailure = failure(signedUp)
told.user = signedUp.data.user
told.session = signedUp.data.session

told.twice = failure(await client().auth.signUp({ email, password }))
told.wrong = failure(await client().auth.signInWithPassword({ email, password: 'wrong horse battery' }))
told.anonymous = failure(await client().auth.signInAnonymously())

const signedIn = await ada.auth.signInWithPassword({ email: email.toUpperCase(), password })
told.signInFailure = failure(signedIn)
told.signedInId = signedIn.data.user?.id

const found = await ada.auth.getUser()
told.getUserFailure = failure(found)
told.foundName = found.data.user?.user_metadata.name

const claims = await ada.auth.getClaims()
told.claimsFailure = failure(claims)
told.claims = claims.data?.claims
told.claimsAlgorithm = claims.data?.header.alg

const first = signedIn.data.session
const refreshed = await ada.auth.refreshSession()
told.refreshFailure = failure(refreshed)
told.rotated = refreshed.data.session?.refresh_token !== first.refresh_token

// Two tabs that hold the same session refresh at once; then the one that was slower goes on with what it got.
const tabs = [client(), client()]
const current = refreshed.data.session
const raced = await Promise.all(tabs.map((tab) => tab.auth.refreshSession({ refresh_token: current.refresh_token })))
told.raceFailures = raced.map(failure)
const onwards = await tabs[1].auth.refreshSession()
told.onwardsFailure = failure(onwards)

const stranger = client()
told.unknownRefresh = failure(await stranger.auth.refreshSession({ refresh_token: 'nobody-has-this' }))

const token = onwards.data.session.access_token
told.signOutFailure = failure(await tabs[1].auth.signOut({ scope: 'local' }))
told.afterSignOut = failure(await client().auth.getUser(token))
told.othersAlive = failure(await ada.auth.signInWithPassword({ email, password }))
told.signOutEverywhere = failure(await ada.auth.signOut())

console.log(JSON.stringify(told))
