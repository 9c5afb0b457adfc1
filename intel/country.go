package intel

import "strings"

// countryCode is the ISO 3166-1 alpha-2 code of a country given by its code, its
// three-letter code or its English name, "USA (Secaucus)" included; empty where
// it is not known.
func countryCode(v string) string {
	v, _, _ = strings.Cut(v, "(")
	v = strings.TrimSpace(v)
	if len(v) == 2 && letter(v[0]) && letter(v[1]) {
		switch c := strings.ToUpper(v); c {
		case "UK":
			return "GB"
		case "XX", "ZZ", "EU", "AP", "T1", "A1", "A2", "O1":
			return "" // not a country: unknown, regions, anonymisers
		default:
			return c
		}
	}
	if v == "" || len(v) > maxCategory {
		return ""
	}
	want := fold(v)
	for line := range strings.SplitSeq(countries, "\n") {
		if len(line) < 4 {
			continue
		}
		for name := range strings.SplitSeq(line[3:], "|") {
			if fold(name) == want {
				return line[:2]
			}
		}
	}
	return ""
}

// isCountry tells whether ISO 3166-1 has the code.
func isCountry(code string) bool { return strings.Contains(countries, "\n"+code+" ") }

func letter(c byte) bool { return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' }

// countries are the codes, three-letter codes and names of ISO 3166-1, with the
// other names that providers print.
const countries = `
AD AND|Andorra
AE ARE|United Arab Emirates|UAE
AF AFG|Afghanistan
AG ATG|Antigua and Barbuda
AI AIA|Anguilla
AL ALB|Albania
AM ARM|Armenia
AO AGO|Angola
AQ ATA|Antarctica
AR ARG|Argentina
AS ASM|American Samoa
AT AUT|Austria
AU AUS|Australia
AW ABW|Aruba
AX ALA|Aland Islands
AZ AZE|Azerbaijan
BA BIH|Bosnia and Herzegovina|Bosnia
BB BRB|Barbados
BD BGD|Bangladesh
BE BEL|Belgium
BF BFA|Burkina Faso
BG BGR|Bulgaria
BH BHR|Bahrain
BI BDI|Burundi
BJ BEN|Benin
BL BLM|Saint Barthelemy
BM BMU|Bermuda
BN BRN|Brunei|Brunei Darussalam
BO BOL|Bolivia|Bolivia, Plurinational State of
BQ BES|Bonaire, Sint Eustatius and Saba|Caribbean Netherlands
BR BRA|Brazil
BS BHS|Bahamas|The Bahamas
BT BTN|Bhutan
BW BWA|Botswana
BY BLR|Belarus
BZ BLZ|Belize
CA CAN|Canada
CC CCK|Cocos (Keeling) Islands
CD COD|Congo, Democratic Republic of the|Democratic Republic of the Congo|DR Congo
CF CAF|Central African Republic
CG COG|Congo|Republic of the Congo
CH CHE|Switzerland
CI CIV|Cote d'Ivoire|Ivory Coast
CK COK|Cook Islands
CL CHL|Chile
CM CMR|Cameroon
CN CHN|China|People's Republic of China
CO COL|Colombia
CR CRI|Costa Rica
CU CUB|Cuba
CV CPV|Cabo Verde|Cape Verde
CW CUW|Curacao
CX CXR|Christmas Island
CY CYP|Cyprus
CZ CZE|Czechia|Czech Republic
DE DEU|Germany|Deutschland
DJ DJI|Djibouti
DK DNK|Denmark
DM DMA|Dominica
DO DOM|Dominican Republic
DZ DZA|Algeria
EC ECU|Ecuador
EE EST|Estonia
EG EGY|Egypt
EH ESH|Western Sahara
ER ERI|Eritrea
ES ESP|Spain
ET ETH|Ethiopia
FI FIN|Finland
FJ FJI|Fiji
FK FLK|Falkland Islands
FM FSM|Micronesia
FO FRO|Faroe Islands
FR FRA|France
GA GAB|Gabon
GB GBR|United Kingdom|Great Britain|England|UK
GD GRD|Grenada
GE GEO|Georgia
GF GUF|French Guiana
GG GGY|Guernsey
GH GHA|Ghana
GI GIB|Gibraltar
GL GRL|Greenland
GM GMB|Gambia
GN GIN|Guinea
GP GLP|Guadeloupe
GQ GNQ|Equatorial Guinea
GR GRC|Greece
GT GTM|Guatemala
GU GUM|Guam
GW GNB|Guinea-Bissau
GY GUY|Guyana
HK HKG|Hong Kong|Hong Kong SAR China
HN HND|Honduras
HR HRV|Croatia
HT HTI|Haiti
HU HUN|Hungary
ID IDN|Indonesia
IE IRL|Ireland
IL ISR|Israel
IM IMN|Isle of Man
IN IND|India
IO IOT|British Indian Ocean Territory
IQ IRQ|Iraq
IR IRN|Iran|Iran, Islamic Republic of|Islamic Republic of Iran
IS ISL|Iceland
IT ITA|Italy
JE JEY|Jersey
JM JAM|Jamaica
JO JOR|Jordan
JP JPN|Japan
KE KEN|Kenya
KG KGZ|Kyrgyzstan
KH KHM|Cambodia
KI KIR|Kiribati
KM COM|Comoros
KN KNA|Saint Kitts and Nevis
KP PRK|North Korea|Korea, Democratic People's Republic of
KR KOR|South Korea|Korea|Republic of Korea|Korea, Republic of
KW KWT|Kuwait
KY CYM|Cayman Islands
KZ KAZ|Kazakhstan
LA LAO|Laos|Lao People's Democratic Republic
LB LBN|Lebanon
LC LCA|Saint Lucia
LI LIE|Liechtenstein
LK LKA|Sri Lanka
LR LBR|Liberia
LS LSO|Lesotho
LT LTU|Lithuania
LU LUX|Luxembourg
LV LVA|Latvia
LY LBY|Libya
MA MAR|Morocco
MC MCO|Monaco
MD MDA|Moldova|Republic of Moldova|Moldova, Republic of
ME MNE|Montenegro
MF MAF|Saint Martin
MG MDG|Madagascar
MH MHL|Marshall Islands
MK MKD|North Macedonia|Macedonia
ML MLI|Mali
MM MMR|Myanmar|Burma
MN MNG|Mongolia
MO MAC|Macao|Macau
MP MNP|Northern Mariana Islands
MQ MTQ|Martinique
MR MRT|Mauritania
MS MSR|Montserrat
MT MLT|Malta
MU MUS|Mauritius
MV MDV|Maldives
MW MWI|Malawi
MX MEX|Mexico
MY MYS|Malaysia
MZ MOZ|Mozambique
NA NAM|Namibia
NC NCL|New Caledonia
NE NER|Niger
NF NFK|Norfolk Island
NG NGA|Nigeria
NI NIC|Nicaragua
NL NLD|Netherlands|The Netherlands|Holland
NO NOR|Norway
NP NPL|Nepal
NR NRU|Nauru
NU NIU|Niue
NZ NZL|New Zealand
OM OMN|Oman
PA PAN|Panama
PE PER|Peru
PF PYF|French Polynesia
PG PNG|Papua New Guinea
PH PHL|Philippines
PK PAK|Pakistan
PL POL|Poland
PM SPM|Saint Pierre and Miquelon
PN PCN|Pitcairn
PR PRI|Puerto Rico
PS PSE|Palestine|Palestinian Territory|State of Palestine|Palestine, State of
PT PRT|Portugal
PW PLW|Palau
PY PRY|Paraguay
QA QAT|Qatar
RE REU|Reunion
RO ROU|Romania
RS SRB|Serbia
RU RUS|Russia|Russian Federation
RW RWA|Rwanda
SA SAU|Saudi Arabia
SB SLB|Solomon Islands
SC SYC|Seychelles
SD SDN|Sudan
SE SWE|Sweden
SG SGP|Singapore
SH SHN|Saint Helena
SI SVN|Slovenia
SJ SJM|Svalbard and Jan Mayen
SK SVK|Slovakia
SL SLE|Sierra Leone
SM SMR|San Marino
SN SEN|Senegal
SO SOM|Somalia
SR SUR|Suriname
SS SSD|South Sudan
ST STP|Sao Tome and Principe
SV SLV|El Salvador
SX SXM|Sint Maarten
SY SYR|Syria|Syrian Arab Republic
SZ SWZ|Eswatini|Swaziland
TC TCA|Turks and Caicos Islands
TD TCD|Chad
TF ATF|French Southern Territories
TG TGO|Togo
TH THA|Thailand
TJ TJK|Tajikistan
TK TKL|Tokelau
TL TLS|Timor-Leste|East Timor
TM TKM|Turkmenistan
TN TUN|Tunisia
TO TON|Tonga
TR TUR|Turkey|Turkiye
TT TTO|Trinidad and Tobago
TV TUV|Tuvalu
TW TWN|Taiwan|Taiwan, Province of China
TZ TZA|Tanzania|Tanzania, United Republic of
UA UKR|Ukraine
UG UGA|Uganda
UM UMI|United States Minor Outlying Islands
US USA|United States|United States of America|U.S.|U.S.A.
UY URY|Uruguay
UZ UZB|Uzbekistan
VA VAT|Holy See|Vatican
VC VCT|Saint Vincent and the Grenadines
VE VEN|Venezuela|Venezuela, Bolivarian Republic of
VG VGB|British Virgin Islands|Virgin Islands, British
VI VIR|U.S. Virgin Islands|Virgin Islands, U.S.
VN VNM|Vietnam|Viet Nam
VU VUT|Vanuatu
WF WLF|Wallis and Futuna
WS WSM|Samoa
XK XKX|Kosovo
YE YEM|Yemen
YT MYT|Mayotte
ZA ZAF|South Africa
ZM ZMB|Zambia
ZW ZWE|Zimbabwe
`
